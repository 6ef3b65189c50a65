import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSampler } from '@generatrix/runtime';
import { encodePng } from '@generatrix/runtime/media';
import { exportRun, runTraining } from '@generatrix/training';
import { unzipSync } from 'fflate';
import { openWatchedPage } from 'generatrix/browser';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCanvasPixels } from './demo-page.ts';
import { ensureChromium } from './ensure-chromium.ts';
import { openChromium } from './open-chromium.ts';
import { buildPage } from './run-program.ts';
import { type StaticServer, serveFolder } from './serve.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`training in the page: skipped, ${missing}`);

const settings = {
  family: 'vae',
  options: { hidden: [24], latent: 4 },
  data: { name: 'glyphs', size: 80 },
  seed: 1,
  steps: 20,
  batchSize: 20,
  learningRate: 3e-3,
  schedule: 'constant',
  engine: 'onnx',
  device: 'cpu',
  reportEvery: 20,
  evaluateEvery: 20,
  checkpointEvery: 20,
} as const;

let folder: string;
let server: StaticServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-tab-'));
  if (missing !== '') return;
  const run = join(folder, 'run');
  await runTraining(run, settings);
  await mkdir(join(folder, 'models'));
  await exportRun(run, join(folder, 'models', 'vae'), ['shared'], 'onnx', { examples: 80 });
  await exportRun(run, join(folder, 'models', 'plain'), ['shared'], 'onnx');
  await buildPage(fileURLToPath(new URL('../../web-demo', import.meta.url)), join(folder, 'site'));
  server = await serveFolder(join(folder, 'site'), { mounts: { '/models/': join(folder, 'models') } });
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

async function idle(page: Page): Promise<string> {
  const handle = await page.waitForFunction(() => {
    const state = document.getElementById('main')?.dataset.state ?? '';
    return ['stopped', 'failed'].includes(state) && state;
  });
  return (await handle.jsonValue()) || '';
}

/** Trains to a step, by the form. @returns the last loss that the page reports. */
async function trainTo(page: Page, steps: number): Promise<number> {
  await page.fill('#steps', String(steps));
  await page.click('#start');
  expect(await idle(page), (await page.textContent('#error')) ?? '').toBe('stopped');
  return Number(await page.getAttribute('#main', 'data-loss'));
}

describe.skipIf(missing !== '')('training in the page', () => {
  it.each(['wasm', 'webgpu'] as const)(
    'on %s the loss falls, training stops and goes on, and the bundle it saves draws its samples in Node',
    async (device) => {
      const browser = await openChromium({ webgpu: device === 'webgpu' });
      const context = await browser.newContext({ acceptDownloads: true });
      const { page, lines } = await openWatchedPage(context, server.url);
      await page.goto(`${server.url}train.html?model=models/vae`);
      await page.selectOption('#device', device);
      const first = await trainTo(page, 3);
      const last = await trainTo(page, 60);
      expect(await page.textContent('#status')).toBe('Stopped after step 60');
      expect(last).toBeLessThan(first);
      const shown = await readCanvasPixels(page, '#stage canvas');

      const [download] = await Promise.all([page.waitForEvent('download'), page.click('#download')]);
      const zip = join(folder, `${device}.zip`);
      await download.saveAs(zip);
      for (const [path, bytes] of Object.entries(unzipSync(await readFile(zip)))) {
        await mkdir(dirname(join(folder, device, path)), { recursive: true });
        await writeFile(join(folder, device, path), bytes);
      }
      const sampler = await loadSampler(join(folder, device, 'vae-glyphs'), { device: 'cpu' });
      expect(sampler.manifest.provenance.steps).toBe(60);
      const { data } = await sampler.sample({ count: 36, seed: 42 });
      await sampler.release();
      // One grey level: the two sum in other orders. The canvas holds 6 images of 28 pixels in a row, RGBA.
      for (const [i, value] of data.data.entries()) {
        const [image, pixel] = [Math.floor(i / 784), i % 784];
        const [y, x] = [Math.floor(image / 6) * 28 + Math.floor(pixel / 28), (image % 6) * 28 + (pixel % 28)];
        const grey = shown.data[(y * shown.width + x) * 4]!;
        if (Math.abs(grey - 255 * value) > 1.5)
          expect(grey, `image ${image}, pixel ${pixel}`).toBe(255 * value);
      }
      expect(lines).toEqual([]);
      await browser.close();
    },
  );

  it('can be stopped while it trains, and goes on; a browser that names no language trains as well', async () => {
    const browser = await openChromium();
    const context = await browser.newContext();
    // As WebKit under the locale C does.
    await context.addInitScript(() =>
      Object.defineProperty(Navigator.prototype, 'language', { configurable: true, get: () => 'C' }),
    );
    const { page, lines } = await openWatchedPage(context, server.url);
    await page.goto(`${server.url}train.html?model=models/vae`);
    await page.selectOption('#device', 'wasm');
    await page.fill('#steps', '100000');
    await page.click('#start');
    await page.waitForFunction(() => Number(document.getElementById('main')!.dataset.step) >= 20);
    expect(await page.getAttribute('#main', 'data-state')).toBe('training');
    await page.click('#stop');
    expect(await idle(page)).toBe('stopped');
    const step = Number(/^Stopped after step (\d+)$/.exec((await page.textContent('#status'))!)![1]);
    expect(step).toBeLessThan(100_000);
    await trainTo(page, step + 5);
    expect(lines).toEqual([]);
    await browser.close();
  });

  it('trains on pictures of the visitor, and says what is wrong with what cannot be trained', async () => {
    const browser = await openChromium();
    const context = await browser.newContext();
    const { page } = await openWatchedPage(context, server.url);
    const pictures = [0, 1, 2].map(async (i) => {
      const data = Uint8Array.from({ length: 40 * 30 }, (_, k) => (k * (i + 3)) % 256);
      const png = await encodePng({ width: 40, height: 30, channels: 1, data });
      return { name: `${i}.png`, mimeType: 'image/png', buffer: Buffer.from(png) };
    });
    await page.goto(`${server.url}train.html?model=models/vae`);
    await page.selectOption('#device', 'wasm');
    await page.setInputFiles('#files', await Promise.all(pictures));
    expect(Number.isFinite(await trainTo(page, 4))).toBe(true);
    expect(await page.textContent('#facts')).toContain('3 examples (3 pictures of yours)');

    await page.goto(`${server.url}train.html?model=models/vae`);
    const text = { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('no picture') };
    await page.setInputFiles('#files', text);
    await page.click('#start');
    expect(await idle(page)).toBe('failed');
    expect(await page.textContent('#error')).toContain('notes.png: expected a picture');

    await page.goto(`${server.url}train.html?model=models/plain`);
    await page.selectOption('#device', 'wasm');
    await page.click('#start');
    expect(await idle(page)).toBe('failed');
    expect(await page.textContent('#error')).toContain('--trainable');
    await browser.close();
  });
});
