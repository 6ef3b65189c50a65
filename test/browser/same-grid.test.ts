import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodePng } from '@generatrix/runtime/media';
import { familyCases } from '@generatrix/training/testing';
import { openWatchedPage } from 'generatrix/browser';
import { command } from 'generatrix/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModelBundle } from '../parity/model-bundles.ts';
import { readCanvasPixels, waitUntilIdle } from './demo-page.ts';
import { ensureChromium } from './ensure-chromium.ts';
import { openChromium } from './open-chromium.ts';
import { buildPage } from './run-program.ts';
import { serveFolder } from './serve.ts';

/** One grey level: the two devices sum in other orders, so a value may fall on the other side of a rounding. */
const largestDifference = 1;

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`page against command line: skipped, ${missing}`);

let folder: string;
let expected: Awaited<ReturnType<typeof decodePng>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-grid-'));
  if (missing !== '') return;
  await mkdir(join(folder, 'models'));
  const familyCase = familyCases.find(({ name }) => name === 'vae, mlp')!;
  await writeModelBundle(join(folder, 'models', 'vae'), familyCase);
  await writeFile(
    join(folder, 'models', 'index.json'),
    JSON.stringify([{ name: 'vae', path: 'models/vae' }]),
  );
  const png = join(folder, 'grid.png');
  const flags = ['--seed', '42', '--count', '20', '--device', 'cpu', '--out', png];
  const { status, stderr } = await command('sample', join(folder, 'models', 'vae'), ...flags);
  expect(status, stderr).toBe(0);
  expected = await decodePng(await readFile(png));
  await buildPage(fileURLToPath(new URL('../../web-demo', import.meta.url)), join(folder, 'site'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(missing !== '').each(['wasm', 'webgpu'] as const)('on %s', (device) => {
  it('the page draws the grid that `generatrix sample --seed 42` writes', async () => {
    const server = await serveFolder(join(folder, 'site'), {
      mounts: { '/models/': join(folder, 'models') },
    });
    const browser = await openChromium({ webgpu: device === 'webgpu' });
    try {
      const { page } = await openWatchedPage(await browser.newContext(), server.url);
      await page.goto(`${server.url}model.html?model=models/vae&seed=42&count=20&device=${device}`);
      expect(await waitUntilIdle(page)).toBe('ready');
      const actual = await readCanvasPixels(page);
      expect([actual.width, actual.height]).toEqual([expected.width, expected.height]);
      let worst = 0;
      for (let i = 0; i < expected.width * expected.height; i++) {
        // The picture is grey or colour; the canvas is always RGBA.
        const grey = expected.data[i * expected.channels]!;
        worst = Math.max(worst, Math.abs(actual.data[i * 4]! - grey));
      }
      expect(worst).toBeLessThanOrEqual(largestDifference);
      expect(new Set(actual.data).size).toBeGreaterThan(10);
    } finally {
      await browser.close();
      await server.close();
    }
  });
});
