import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openWatchedPage, type PageTroubles } from 'generatrix/browser';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  type CanvasPixels,
  errorLine,
  readCanvasPixels,
  samePixels,
  sampleOnPage,
  waitUntilIdle,
} from './demo-page.ts';
import { ensureChromium } from './ensure-chromium.ts';
import { writeFixtureBundles } from './fixture-bundles.ts';
import { type OpenChromium, openChromium } from './open-chromium.ts';
import { buildPage } from './run-program.ts';
import { type StaticServer, serveFolder } from './serve.ts';

const chromium = await ensureChromium();
if ('reason' in chromium) console.log(`model page tests skipped: ${chromium.reason}`);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-page-'));
  if ('reason' in chromium) return;
  await buildPage(fileURLToPath(new URL('../../web-demo', import.meta.url)), join(folder, 'site'));
  await writeFixtureBundles(join(folder, 'models'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Loads that a test cut off on purpose. */
const cutOff = /^failed request: .*ERR_ABORTED/;

/** One 28x28 image of a grid, as bytes. */
function imageAt({ width, data }: CanvasPixels, row: number, column: number): number[] {
  return Array.from({ length: 28 }, (_, y) => {
    const start = ((row * 28 + y) * width + column * 28) * 4;
    return [...data.subarray(start, start + 28 * 4)];
  }).flat();
}

const settings = [
  { device: 'wasm', isolated: false, build: 'ort-wasm-simd-threaded' },
  { device: 'wasm', isolated: true, build: 'ort-wasm-simd-threaded' },
  { device: 'webgpu', isolated: false, build: 'ort-wasm-simd-threaded.jspi' },
] as const;

describe.skipIf('reason' in chromium)('the page of a model', () => {
  describe.each(settings)('on $device, isolated: $isolated', ({ device, isolated, build }) => {
    let server: StaticServer;
    let browser: OpenChromium;
    let watched: PageTroubles;
    let page: Page;

    beforeAll(async () => {
      const mounts = { '/models/': join(folder, 'models') };
      server = await serveFolder(join(folder, 'site'), { isolated, mounts });
      browser = await openChromium({ webgpu: device === 'webgpu' });
    });
    afterAll(async () => {
      await browser.close();
      await server.close();
    });
    afterEach(async () => {
      await page.context().close();
      expect(watched.lines, 'console, network and page errors').toEqual([]);
    });

    async function visit(query: string, viewport = { width: 1200, height: 900 }): Promise<string> {
      watched = await openWatchedPage(await browser.newContext({ viewport }), server.url);
      page = watched.page;
      await page.goto(`${server.url}model.html?device=${device}&${query}`);
      return waitUntilIdle(page);
    }

    test('draws a grid as soon as it is open, with only the onnxruntime build that it runs', async () => {
      const before = server.requests.length;
      expect(await visit('model=models/images&count=10&seed=3'), await errorLine(page)).toBe('ready');
      const { width, height, data } = await readCanvasPixels(page);
      expect([width, height], 'one canvas pixel per image pixel').toEqual([4 * 28, 3 * 28]);
      expect(new Set(data).size).toBeGreaterThan(50);
      expect(await page.textContent('#status')).toMatch(/^10 samples with seed 3 in .* on (WASM|WebGPU)$/);
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(isolated);
      expect(page.workers().length, 'inference is in a worker').toBeGreaterThan(0);

      const fetched = server.requests.slice(before).map(({ path }) => path);
      const runtimeFiles = fetched.filter((path) => /\.(wasm|gz|mjs)$/.test(path));
      expect([...new Set(runtimeFiles)].sort()).toEqual([`/ort/${build}.mjs`, `/ort/${build}.wasm.gz`]);
    });

    test('same seed, same picture; seed, class and temperature each change it', async () => {
      await visit('model=models/images&count=9&seed=1');
      const first = await readCanvasPixels(page);
      const otherSeed = await sampleOnPage(page, { seed: '2' });
      expect(samePixels(otherSeed, first)).toBe(false);
      await page.selectOption('#label', '7');
      const otherClass = await sampleOnPage(page, { seed: '1' });
      expect(samePixels(otherClass, first)).toBe(false);
      expect(imageAt(otherClass, 1, 2)).not.toEqual(imageAt(otherClass, 0, 0));
      const cold = await sampleOnPage(page, { 'scalar-temperature': '0' });
      expect(imageAt(cold, 1, 2), 'at temperature 0 all samples are the same').toEqual(imageAt(cold, 0, 0));
      await page.selectOption('#label', '');
      const inTurn = await sampleOnPage(page, {});
      expect(imageAt(inTurn, 0, 1), 'every sample its own class').not.toEqual(imageAt(inTurn, 0, 0));
      expect(samePixels(await sampleOnPage(page, { 'scalar-temperature': '1' }), first)).toBe(true);
    });

    test('plots points, and any switch of models shows the last one chosen', async () => {
      expect(await visit('model=models/points&count=500'), await errorLine(page)).toBe('ready');
      const points = await readCanvasPixels(page);
      expect(points.width).toBe(points.height);
      expect(new Set(points.data).size).toBeGreaterThan(10);
      expect(await page.isVisible('#label-field')).toBe(false);
      for (const label of ['Images', 'Points', 'Images', 'Points'])
        await page.selectOption('#model', { label });
      expect(await waitUntilIdle(page)).toBe('ready');
      expect(samePixels(await readCanvasPixels(page), points)).toBe(true);
      watched.forgive(cutOff);
    });
  });

  describe('whatever the device', () => {
    let server: StaticServer;
    let browser: OpenChromium;
    let watched: PageTroubles;
    let page: Page;

    beforeAll(async () => {
      const mounts = { '/models/': join(folder, 'models') };
      server = await serveFolder(join(folder, 'site'), { mounts });
      browser = await openChromium();
    });
    afterAll(async () => {
      await browser.close();
      await server.close();
    });

    async function visit(query: string, viewport = { width: 1200, height: 900 }): Promise<string> {
      watched = await openWatchedPage(await browser.newContext({ viewport }), server.url);
      page = watched.page;
      await page.goto(`${server.url}model.html${query}`);
      return waitUntilIdle(page);
    }
    afterEach(async () => {
      await page.context().close();
      expect(watched.lines, 'console, network and page errors').toEqual([]);
    });

    test('automatic: falls back to WASM where there is no WebGPU adapter, and says why', async () => {
      expect(await visit('?count=4'), await errorLine(page)).toBe('ready');
      await page.click('summary');
      const facts = (await page.textContent('#fact-list')) ?? '';
      expect(facts).toContain('DeviceWASM');
      expect(facts).toMatch(/Not WebGPU\S/);
    });

    test('WebGPU where there is none: one clear line, and another device can be chosen', async () => {
      expect(await visit('?device=webgpu')).toBe('failed');
      expect(await errorLine(page)).toMatch(/webgpu/i);
      await page.selectOption('#device', 'wasm');
      expect(await waitUntilIdle(page)).toBe('ready');
      expect(await errorLine(page)).toBe('');
    });

    test.each([
      ['a folder that is not there', 'models/absent', /404/, /models\/absent\/model\.json|status of 404/],
      ['a manifest that is no manifest', 'models/broken-manifest', /model\.json/, /^$/],
      ['a program that was changed', 'models/broken-program', /sample\.onnx/, /^$/],
      ['a bundle on another origin', 'https://example.com/models/vae', /another origin/, /^$/],
    ])('%s: one clear line', async (_, path, line, forgiven) => {
      expect(await visit(`?device=wasm&model=${path}`)).toBe('failed');
      expect(await errorLine(page)).toMatch(line);
      expect(await errorLine(page)).not.toContain('\n');
      expect(await page.locator('canvas').count()).toBe(0);
      watched.forgive(forgiven);
    });

    test('recovers from a bad bundle when a good one is chosen', async () => {
      expect(await visit('?device=wasm&model=models/broken-manifest')).toBe('failed');
      await page.selectOption('#model', { label: 'Images' });
      expect(await waitUntilIdle(page)).toBe('ready');
      expect(await errorLine(page)).toBe('');
    });

    test('works from the keyboard: Enter in a box samples, and every box has its label', async () => {
      await visit('?device=wasm&count=4&seed=1');
      const before = await readCanvasPixels(page);
      await page.focus('#seed');
      await page.keyboard.press('ControlOrMeta+A');
      await page.keyboard.type('2');
      await page.keyboard.press('Enter');
      expect(await waitUntilIdle(page)).toBe('ready');
      expect(samePixels(await readCanvasPixels(page), before)).toBe(false);
      const unlabelled = await page.evaluate(() =>
        [...document.querySelectorAll<HTMLInputElement | HTMLSelectElement>('input, select')]
          .filter((box) => !box.labels?.length)
          .map(({ id }) => id),
      );
      expect(unlabelled).toEqual([]);
    });

    test('panels are of the class in the one box Class; of the first where all take turns', async () => {
      await visit('?device=wasm&model=models/images&count=1');
      const section = page.locator('[data-panel=explore]');
      const note = page.locator('#best > .note');
      /** What the panel decodes, when the box has been set. A panel that is built anew has a new canvas. */
      const decoded = async (value: string) => {
        await page.selectOption('#label', value);
        await section.locator('canvas.result[data-at]').waitFor();
        return readCanvasPixels(page, '[data-panel=explore] canvas.result');
      };
      const seventh = await decoded('7');
      expect(await note.textContent()).toBe('The class here is 7, by the box Class.');
      const first = await decoded('0');
      expect(samePixels(first, seventh)).toBe(false);
      expect(samePixels(await decoded(''), first)).toBe(true);
      expect(await note.textContent()).toBe('The class here is 0, by the box Class.');
      expect(await page.getByLabel('Class', { exact: true }).count()).toBe(1);
    });

    test('Stop ends a long run at once, and sampling works again afterwards', async () => {
      await visit('?device=wasm&model=models/heavy&count=1&seed=1');
      const before = await readCanvasPixels(page);
      expect(new Set(before.data).size).toBeGreaterThan(50);
      await page.fill('#count', '10000');
      await page.click('#sample');
      await page.click('#stop');
      expect(await waitUntilIdle(page)).toBe('stopped');
      expect(samePixels(await sampleOnPage(page, { count: '1' }), before)).toBe(true);
    });

    test('a value that a box refuses samples nothing', async () => {
      await visit('?device=wasm&count=4&seed=1');
      const before = await page.textContent('#status');
      await page.fill('#count', '0');
      await page.click('#sample');
      expect(await waitUntilIdle(page)).toBe('ready');
      expect(await page.textContent('#status')).toBe(before);
    });

    test('the address after sampling shows the same picture again', async () => {
      await visit('?device=wasm&count=4&seed=1');
      await page.selectOption('#label', '7');
      const drawn = await sampleOnPage(page, { seed: '77', count: '6', 'scalar-temperature': '0.5' });
      const address = new URL(page.url());
      await page.context().close();
      await visit(address.search);
      expect(samePixels(await readCanvasPixels(page), drawn)).toBe(true);
    });

    test('fits a phone: nothing is wider than the screen', async () => {
      await visit('?device=wasm', { width: 390, height: 844 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    });
  });
});
