import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig, type RunningServer, startServer } from '@generatrix/runtime/serve';
import { openWatchedPage } from 'generatrix/browser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, readCanvasPixels, waitUntilIdle } from '../browser/demo-page.ts';
import { ensureChromium } from '../browser/ensure-chromium.ts';
import { writeFixtureBundles } from '../browser/fixture-bundles.ts';
import { openChromium } from '../browser/open-chromium.ts';
import { buildPage } from '../browser/run-program.ts';
import { removeFolder } from './serve-bundles.ts';

const chromium = await ensureChromium();
if ('reason' in chromium) console.log(`page of the server: tests skipped: ${chromium.reason}`);

let folder: string;
let server: RunningServer;

beforeAll(async () => {
  if ('reason' in chromium) return;
  folder = await mkdtemp(join(tmpdir(), 'generatrix-served-page-'));
  await buildPage(fileURLToPath(new URL('../../web-demo', import.meta.url)), join(folder, 'site'));
  await writeFixtureBundles(join(folder, 'models'));
  const config = await loadConfig({ flags: { models: join(folder, 'models'), port: '0', workers: '1' } });
  server = await startServer(
    { ...config, shutdownGraceMs: 0, logLevel: 'silent' },
    { site: join(folder, 'site') },
  );
});
afterAll(async () => {
  if ('reason' in chromium) return;
  await server.stop();
  await removeFolder(folder);
});

describe.skipIf('reason' in chromium)('the gallery page of the server', () => {
  it('runs under its headers, isolated, with the bundles by URL, and nothing is refused', async () => {
    const browser = await openChromium({ webgpu: false });
    try {
      const { page, lines } = await openWatchedPage(await browser.newContext(), server.url);
      await page.goto(`${server.url}/?device=wasm&model=models/images&seed=1&count=4`);
      expect(await waitUntilIdle(page), await errorLine(page)).toBe('ready');
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
      expect((await readCanvasPixels(page)).width).toBeGreaterThan(0);
      // The page keeps its files for later visits; leaving it at once would break that off.
      await page.waitForLoadState('networkidle');
      await page.goto(`${server.url}/?device=wasm&model=models/shared&seed=1&count=4`);
      expect(await waitUntilIdle(page), await errorLine(page)).toBe('ready');
      expect(lines, 'console, network and page errors').toEqual([]);
    } finally {
      await browser.close();
    }
  });

  it('refuses the bundles that are broken, and serves the others', () => {
    expect(server.engine.models().map(({ name }) => name)).toEqual(['heavy', 'images', 'points', 'shared']);
    expect(server.engine.refused().map(({ name }) => name)).toEqual([
      'broken-manifest',
      'broken-program',
      'broken-weights',
    ]);
  });
});
