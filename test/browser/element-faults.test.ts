import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { elementPages, embed, greys, message, type SamplerElement, stateOf } from './element-pages.ts';
import { ensureChromium } from './ensure-chromium.ts';
import { copyBundle } from './site-fixture.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`element tests skipped: ${missing}`);

describe.skipIf(missing !== '')('<generatrix-sampler>, when something is wrong or not there', () => {
  const pages = elementPages();

  test.each([
    ['models/absent', /404/],
    ['models/broken-manifest', /model\.json/],
    ['models/broken-program', /sample\.onnx/],
    ['models/broken-weights', /: weights\.safetensors was changed/],
  ])('a bad bundle, %s: one clear line, and an event', async (path, line) => {
    const page = await pages.open();
    const markup = `<generatrix-sampler src="../${path}" device="wasm" autoload></generatrix-sampler>`;
    await embed(page, pages.server.url, markup);
    expect(await stateOf(page)).toMatch('failed');
    expect(await message(page)).toMatch(line);
    pages.watched.forgive(/models\/absent|status of 404/);
  });

  test('a reference that is missing keeps nobody from sampling; a worker that dies is replaced', async () => {
    const folder = await copyBundle(pages.fixture, 'vae', 'no-reference');
    await rm(join(folder, 'reference.safetensors'));
    const page = await pages.open();
    await page.addInitScript(() => {
      const workers: Worker[] = [];
      Object.assign(globalThis, { workers });
      globalThis.Worker = class extends Worker {
        constructor(...given: ConstructorParameters<typeof Worker>) {
          super(...given);
          workers.push(this);
        }
      };
    });
    const markup = '<generatrix-sampler src="../models/no-reference" autoload></generatrix-sampler>';
    await embed(page, pages.server.url, markup);
    await page.locator('generatrix-sampler[state=ready]').waitFor();
    const first = await greys(page);
    const alive = await page.evaluate(async () => {
      const { workers } = globalThis as unknown as { workers: Worker[] };
      const element = document.querySelector('generatrix-sampler') as SamplerElement;
      element.count = 10_000;
      const asked = element.sample();
      await new Promise((resolve) => setTimeout(resolve, 50));
      workers[0]!.terminate(); // as the system does with what takes too much memory: nobody is told
      await asked;
      element.setAttribute('count', '16');
      await element.sample();
      return workers.length;
    });
    expect(alive).toBe(2);
    pages.watched.forgive(/reference\.safetensors|status of 404/);
    expect(await greys(page)).toEqual(first);
  });

  test('the second visit fetches neither model nor engine, and works without a network', async () => {
    const page = await pages.open();
    const markup =
      '<generatrix-sampler src="../models/vae" device="wasm" offline="../generatrix-offline.js"></generatrix-sampler>';
    const site = join(pages.fixture.site, 'offline.html');
    await writeFile(
      site,
      `<!doctype html><html lang="en"><head><title>offline</title><script type="module" src="./generatrix-sampler.js"></script></head><body>${markup.replaceAll('../', './')}</body></html>`,
    );
    await page.goto(`${pages.server.url}offline.html`);
    await page.getByRole('button', { name: 'Run here' }).click();
    await page.locator('generatrix-sampler[state=ready]').waitFor();
    const first = await greys(page);
    await pages.waitUntilKept(page);

    const before = pages.server.requests.length;
    await page.reload();
    expect(await stateOf(page)).toBe('poster');
    expect(await page.locator('generatrix-sampler [part=size]').textContent()).toBe('Nothing to download');
    await page.getByRole('button', { name: 'Run here' }).click();
    await page.locator('generatrix-sampler[state=ready]').waitFor();
    const fetched = pages.server.requests.slice(before).map(({ path }) => path);
    expect(fetched.filter((path) => /\.(onnx|gz|wasm|png|safetensors)$/.test(path))).toEqual([]);

    await pages.goOffline();
    await page.reload();
    await page.getByRole('button', { name: 'Run here' }).click();
    await page.locator('generatrix-sampler[state=ready]').waitFor();
    expect(await greys(page)).toEqual(first);
    pages.watched.forgive(/ERR_INTERNET_DISCONNECTED|ERR_FAILED/);
  });
});
