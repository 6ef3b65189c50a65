import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostTensor, loadSampler } from '@generatrix/runtime';
import { openWatchedPage, type PageTroubles } from 'generatrix/browser';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ensureChromium } from './ensure-chromium.ts';
import { openChromium } from './open-chromium.ts';
import { type StaticServer, serveFolder } from './serve.ts';
import { copyBundle, makeSite, type SiteFixture } from './site-fixture.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`element tests skipped: ${missing}`);

let fixture: SiteFixture;
beforeAll(async () => {
  if (missing === '') fixture = await makeSite();
}, 240_000);
afterAll(() => fixture?.remove());

/** What the tests use of the element. */
type Element = HTMLElement & { seed: number; count: number; sample(): Promise<void> };
const settled = ['ready', 'failed', 'poster'];

/** Puts elements into an empty page that has the library, and nothing else. */
async function embed(page: Page, url: string, markup: string): Promise<void> {
  await page.goto(`${url}examples/blank.html`);
  await page.evaluate((html) => {
    document.body.innerHTML = html;
  }, markup);
}

function stateOf(page: Page, index = 0): Promise<string> {
  return page
    .waitForFunction(
      ([states, i]) => {
        const element = document.querySelectorAll('generatrix-sampler')[i as number];
        const state = element?.getAttribute('state') ?? '';
        return (states as string[]).includes(state) && state;
      },
      [settled, index] as const,
    )
    .then((handle) => handle.jsonValue() as Promise<string>);
}

/** Grey values of the canvas of an element. */
function greys(page: Page, index = 0): Promise<{ width: number; height: number; values: number[] }> {
  return page.evaluate((i) => {
    const element = document.querySelectorAll('generatrix-sampler')[i]!;
    const canvas = element.shadowRoot!.querySelector('canvas')!;
    const { data, width, height } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return { width, height, values: [...data.filter((_, at) => at % 4 === 0)] };
  }, index);
}

const message = (page: Page) => page.locator('generatrix-sampler [part=error]').first().textContent();

describe.skipIf(missing !== '')('<generatrix-sampler>', () => {
  let server: StaticServer;
  let isolatedServer: StaticServer;
  let plain: Browser;
  let context: BrowserContext;
  let watched: PageTroubles;
  let page: Page;

  beforeAll(async () => {
    const mounts = { '/models/': fixture.models };
    await writeFile(
      join(fixture.site, 'examples/blank.html'),
      '<!doctype html><html lang="en"><head><title>blank</title><script type="module" src="../generatrix-sampler.js"></script></head><body></body></html>',
    );
    server = await serveFolder(fixture.site, { mounts });
    isolatedServer = await serveFolder(fixture.site, { mounts, isolated: true });
    plain = await openChromium();
  });
  afterAll(async () => {
    await plain?.close();
    await server?.close();
    await isolatedServer?.close();
  });
  afterEach(async () => {
    await context.close();
    watched.forgive(/ERR_ABORTED/); // what was on its way when it was overtaken
    watched.forgive(/willReadFrequently/); // the tests read pixels back, the page never does
    expect(watched.lines, 'console, network and page errors').toEqual([]);
  });
  const open = async (browser = plain, origin = server) => {
    context = await browser.newContext({ viewport: { width: 900, height: 800 } });
    watched = await openWatchedPage(context, origin.url);
    page = watched.page;
  };

  test('the example: a poster, what it will fetch, then samples, from the files of one device alone', async () => {
    await open();
    await page.addInitScript(() => {
      const longest = { ms: 0 };
      Object.assign(globalThis, { longest });
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) longest.ms = Math.max(longest.ms, duration);
      }).observe({ type: 'longtask', buffered: true });
    });
    const before = server.requests.length;
    await page.goto(`${server.url}examples/embed.html`);
    expect(await stateOf(page)).toBe('poster');
    const size = page.locator('generatrix-sampler [part=size]');
    expect(await size.textContent()).toMatch(/^Download: model .* [kM]?B, engine (3\.7|4\.1) MB/);
    await page.waitForFunction(
      () => document.querySelector('generatrix-sampler')!.shadowRoot!.querySelector('canvas')!.width > 1,
    );
    expect(server.requests.slice(before).filter(({ path }) => /onnx|wasm/.test(path))).toEqual([]);
    const start = performance.now();
    await page.getByRole('button', { name: 'Run here' }).press('Enter');
    await page.locator('generatrix-sampler[state=ready]').waitFor();
    // The button that had the focus has gone; the keyboard goes on with what took its place.
    const focused = () => document.activeElement?.shadowRoot?.activeElement?.textContent;
    expect(await page.evaluate(focused)).toBe('Sample');
    const firstSample = performance.now() - start;
    const fetched = server.requests.slice(before).map(({ path }) => path);
    const engines = fetched.filter((path) => /\.(wasm|gz|mjs)$/.test(path)).sort();
    expect(engines).toEqual(['/ort/ort-wasm-simd-threaded.mjs', '/ort/ort-wasm-simd-threaded.wasm.gz']);
    expect(fetched.filter((path) => path.endsWith('.onnx'))).toEqual(['/models/vae/sample.onnx']);
    const longest = await page.evaluate(
      () => (globalThis as unknown as { longest: { ms: number } }).longest.ms,
    );
    console.log(
      `first samples on WASM ${firstSample.toFixed(0)} ms after the click; longest task of the page ${longest} ms`,
    );
  });

  test.each(['wasm', 'isolated wasm', 'webgpu'])('seed 42 on %s is the seed 42 of Node', async (setting) => {
    const device = setting === 'webgpu' ? 'webgpu' : 'wasm';
    const browser = device === 'webgpu' ? await openChromium({ webgpu: true }) : plain;
    const origin = setting === 'isolated wasm' ? isolatedServer : server;
    try {
      await open(browser, origin);
      const markup = `<generatrix-sampler src="../models/vae" count="9" device="${device}" autoload></generatrix-sampler>`;
      await embed(page, origin.url, markup);
      await page.locator('generatrix-sampler[state=ready]').waitFor();
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(setting === 'isolated wasm');
      const sampler = await loadSampler(join(fixture.models, 'vae'), { device: 'cpu' });
      const { data } = await sampler.sample({ count: 9, seed: 42 });
      const { data: spec } = sampler.manifest;
      if (spec.kind !== 'image') throw new Error('the fixture vae has images');
      await sampler.release();
      const actual = await greys(page);
      // Images are compared one by one, as the page lays them out: three to a row, without gaps.
      const [height, width] = spec.shape;
      let worst = 0;
      for (let i = 0; i < 9; i++) {
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const value = data.data[(i * height + y) * width + x]!;
            const grey = Math.round((255 * (value - spec.range[0])) / (spec.range[1] - spec.range[0]));
            const at = (Math.floor(i / 3) * height + y) * actual.width + (i % 3) * width + x;
            worst = Math.max(worst, Math.abs(grey - actual.values[at]!));
          }
        }
      }
      // One grey level: devices sum in other orders, so a value may fall on the other side of a rounding.
      expect(worst).toBeLessThanOrEqual(1);
      expect(new Set(actual.values).size).toBeGreaterThan(5);
    } finally {
      if (browser !== plain) {
        await context.close();
        await browser.close();
      }
    }
  });

  test.each(['wasm', 'webgpu'])(
    'programs that share weights on %s: fetched once, and right',
    async (device) => {
      const browser = device === 'webgpu' ? await openChromium({ webgpu: true }) : plain;
      try {
        await open(browser, server);
        await page.goto(`${server.url}examples/blank.html`);
        const before = server.requests.length;
        const code = [1, -2, 0.5, 0, 3, -1, 0.25, 2];
        // As text, so that the import is the page's own.
        const found = (await page.evaluate(`(async () => {
        const { loadSampler } = await import('../generatrix-sampler.js');
        const sampler = await loadSampler('../models/shared', { device: '${device}' });
        const { data } = await sampler.sample({ count: 2, seed: 42 });
        const code = { dtype: 'float32', shape: [1, 8], data: Float32Array.from([${code}]) };
        const decoded = await sampler.decode(code);
        sampler.close();
        return { sampled: [...data.data], decoded: [...decoded.data] };
      })()`)) as { readonly sampled: number[]; readonly decoded: number[] };
        // The server notes a request a moment after it was answered.
        const fetched = () => server.requests.slice(before).map(({ path }) => path);
        await expect
          .poll(() => fetched().filter((path) => /\.(onnx|safetensors)$/.test(path)))
          .toEqual([
            '/models/shared/sample.onnx',
            '/models/shared/weights.safetensors',
            '/models/shared/decode.onnx',
          ]);
        const sampler = await loadSampler(join(fixture.models, 'shared'), { device: 'cpu' });
        const { data } = await sampler.sample({ count: 2, seed: 42 });
        const decoded = await sampler.decode(hostTensor('float32', [1, 8], code));
        await sampler.release();
        const worst = (a: readonly number[], b: ArrayLike<number>) =>
          a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
        expect(worst(found.sampled, data.data)).toBeLessThan(1e-5);
        expect(worst(found.decoded, decoded.data)).toBeLessThan(1e-5);
        expect(found.decoded).toHaveLength(28 * 28);
      } finally {
        if (browser !== plain) {
          await context.close();
          await browser.close();
        }
      }
    },
  );

  test('two on one page share one worker and do not disturb each other', async () => {
    await open();
    const one = (src: string) =>
      `<generatrix-sampler src="../models/${src}" device="wasm" count="4" autoload></generatrix-sampler>`;
    await embed(page, server.url, one('images') + one('vae') + one('images'));
    await page.waitForFunction(
      () => document.querySelectorAll('generatrix-sampler[state=ready]').length === 3,
    );
    expect(page.workers()).toHaveLength(1);
    expect(await greys(page, 0)).toEqual(await greys(page, 2));
    expect(await greys(page, 1)).not.toEqual(await greys(page, 0));
  });

  test('attributes, properties and events: a seed, a class, a temperature, and what they bring', async () => {
    await open();
    await embed(
      page,
      server.url,
      '<generatrix-sampler src="../models/images" device="wasm" count="4"></generatrix-sampler>',
    );
    await page.evaluate(() => {
      const names: string[] = [];
      Object.assign(globalThis, { names });
      for (const name of ['load', 'progress', 'sample', 'error']) {
        document.addEventListener(`generatrix-${name}`, () => names.at(-1) !== name && names.push(name));
      }
    });
    await page.evaluate(() => (document.querySelector('generatrix-sampler') as Element).sample());
    const first = await greys(page);
    const change = async (name: string, value: string) => {
      await page.evaluate(
        ([attribute, text]) =>
          new Promise((resolve) => {
            const element = document.querySelector('generatrix-sampler')!;
            element.addEventListener('generatrix-sample', resolve, { once: true });
            element.setAttribute(attribute!, text!);
          }),
        [name, value],
      );
      return greys(page);
    };
    const otherSeed = await change('seed', '7');
    expect(otherSeed).not.toEqual(first);
    const otherClass = await change('label', '9');
    expect(otherClass).not.toEqual(otherSeed);
    expect(await change('temperature', '0.5')).not.toEqual(otherClass);
    expect(await page.evaluate(() => (document.querySelector('generatrix-sampler') as Element).seed)).toBe(7);
    const names = await page.evaluate(() => (globalThis as unknown as { names: string[] }).names);
    expect(names.slice(0, 3)).toEqual(['progress', 'load', 'sample']);
    expect(names).not.toContain('error');
  });

  test('promises and attributes: what is shown at the end is what the attributes say', async () => {
    await open();
    await embed(page, server.url, '');
    // As soon as it stands in the page, and with attributes that change while it loads and while it draws.
    const drawn = await page.evaluate(async () => {
      const element = document.createElement('generatrix-sampler') as Element;
      const seeds: number[] = [];
      const failures: string[] = [];
      element.addEventListener('generatrix-sample', (event) =>
        seeds.push((event as CustomEvent<{ seed: number }>).detail.seed),
      );
      element.addEventListener('generatrix-error', () => failures.push('error'));
      element.setAttribute('src', '../models/images');
      element.setAttribute('device', 'wasm');
      element.setAttribute('count', '2000');
      document.body.append(element);
      await element.sample();
      element.seed = 191;
      await new Promise((resolve) => setTimeout(resolve));
      element.shadowRoot!.querySelector<HTMLInputElement>('[type=number]')!.value = '199';
      element.shadowRoot!.querySelector<HTMLButtonElement>('[part~=sample]')!.click();
      await element.sample();
      const box = element.shadowRoot!.querySelector<HTMLInputElement>('[type=number]')!.value;
      const moved = document.createElement('div');
      document.body.append(moved);
      moved.append(element);
      await new Promise((resolve) => setTimeout(resolve));
      const afterMove = element.getAttribute('state');
      element.setAttribute('count', '1');
      element.setAttribute('src', '../models/vae');
      const other = element.sample();
      element.seed = 3;
      await other;
      const removed = element.sample().catch((error: Error) => error.message);
      element.remove();
      const empty = document.createElement('generatrix-sampler') as Element;
      empty.setAttribute('src', '');
      document.body.append(empty);
      const refused = await empty.sample().catch((error: Error) => error.message);
      return { seeds, box, failures, afterMove, removed: await removed, refused, seed: element.seed };
    });
    expect(drawn.seeds[0]).toBe(42);
    expect(drawn.seeds.at(-2)).toBe(199);
    expect(drawn.seeds).not.toContain(191);
    expect(drawn).toMatchObject({
      ...{ box: '199', failures: [], afterMove: 'ready', removed: 'the element was removed', seed: 3 },
      refused: "no model: the element's attribute src is empty",
    });
    expect(drawn.seeds.at(-1)).toBe(3);
  });

  test('loadSampler in a module, three lines', async () => {
    await open();
    await embed(page, server.url, '');
    // As text, since the test runner would rewrite the import.
    const result = await page.evaluate(`(async () => {
      const { loadSampler } = await import(new URL('../generatrix-sampler.js', location.href).href);
      const sampler = await loadSampler('../models/points', { device: 'wasm' });
      const { data, seed } = await sampler.sample({ count: 100, seed: 5 });
      sampler.close();
      return { shape: data.shape, seed, device: sampler.device };
    })()`);
    expect(result).toEqual({ shape: [100, 2], seed: 5, device: 'wasm' });
  });

  test('cancel while it loads, and while it samples; it works again afterwards', async () => {
    await open();
    await embed(
      page,
      server.url,
      '<generatrix-sampler src="../models/heavy" device="wasm" count="1"></generatrix-sampler>',
    );
    await page.getByRole('button', { name: 'Run here' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await stateOf(page)).toBe('poster');
    await page.evaluate(() => (document.querySelector('generatrix-sampler') as Element).sample());
    const before = await greys(page);
    await page.evaluate(() => document.querySelector('generatrix-sampler')!.setAttribute('count', '10000'));
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await stateOf(page)).toBe('ready');
    await page.evaluate(() => {
      const element = document.querySelector('generatrix-sampler') as Element;
      element.count = 1;
      return element.sample();
    });
    expect(await greys(page)).toEqual(before);
    watched.forgive(/ERR_ABORTED/);
  });

  test.each([
    ['models/absent', /404/],
    ['models/broken-manifest', /model\.json/],
    ['models/broken-program', /sample\.onnx/],
    ['models/broken-weights', /: weights\.safetensors was changed/],
  ])('a bad bundle, %s: one clear line, and an event', async (path, line) => {
    await open();
    const markup = `<generatrix-sampler src="../${path}" device="wasm" autoload></generatrix-sampler>`;
    await embed(page, server.url, markup);
    expect(await stateOf(page)).toMatch('failed');
    expect(await message(page)).toMatch(line);
    watched.forgive(/models\/absent|status of 404/);
  });

  test('neither WebGPU nor WASM: one clear line that says why', async () => {
    await open();
    await page.route('**/ort/**', (route) => route.fulfill({ status: 404, body: '' }));
    await embed(page, server.url, '<generatrix-sampler src="../models/vae" autoload></generatrix-sampler>');
    await page.locator('generatrix-sampler[state=failed]').waitFor();
    expect(await message(page)).toMatch(/^no device works here: wasm: .*; webgpu: .*/);
    watched.forgive(/404|ERR_ABORTED/);
  });

  test('a device that computes wrongly is left: the reference in the bundle decides', async () => {
    const folder = await copyBundle(fixture, 'vae', 'wrong-reference');
    const file = join(folder, 'model.json');
    const manifest = JSON.parse(await readFile(file, 'utf8'));
    const reference = await readFile(join(folder, manifest.reference.file));
    const headerLength = Number(reference.readBigUInt64LE(0));
    const header = JSON.parse(reference.subarray(8, 8 + headerLength).toString());
    const [begin] = header['sample/out/data'].data_offsets;
    reference.writeFloatLE(0.987, 8 + headerLength + begin);
    await writeFile(join(folder, manifest.reference.file), reference);
    const { createHash } = await import('node:crypto');
    manifest.reference.sha256 = createHash('sha256').update(reference).digest('hex');
    await writeFile(file, JSON.stringify(manifest));
    await open();
    await embed(
      page,
      server.url,
      '<generatrix-sampler src="../models/wrong-reference" autoload></generatrix-sampler>',
    );
    await page.locator('generatrix-sampler[state=failed]').waitFor();
    expect(await message(page)).toMatch(/wasm: it computes data of sample wrongly/);
  });

  test('a reference that is missing keeps nobody from sampling; a worker that dies is replaced', async () => {
    const folder = await copyBundle(fixture, 'vae', 'no-reference');
    await rm(join(folder, 'reference.safetensors'));
    await open();
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
    await embed(page, server.url, markup);
    await page.locator('generatrix-sampler[state=ready]').waitFor();
    const first = await greys(page);
    const alive = await page.evaluate(async () => {
      const { workers } = globalThis as unknown as { workers: Worker[] };
      const element = document.querySelector('generatrix-sampler') as Element;
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
    watched.forgive(/reference\.safetensors|status of 404/);
    expect(await greys(page)).toEqual(first);
  });

  test('the second visit fetches neither model nor engine, and works without a network', async () => {
    await open();
    const markup =
      '<generatrix-sampler src="../models/vae" device="wasm" offline="../generatrix-offline.js"></generatrix-sampler>';
    const site = join(fixture.site, 'offline.html');
    await writeFile(
      site,
      `<!doctype html><html lang="en"><head><title>offline</title><script type="module" src="./generatrix-sampler.js"></script></head><body>${markup.replaceAll('../', './')}</body></html>`,
    );
    await page.goto(`${server.url}offline.html`);
    await page.getByRole('button', { name: 'Run here' }).click();
    await page.locator('generatrix-sampler[state=ready]').waitFor();
    const first = await greys(page);
    await page.waitForFunction(async () => {
      const store = await caches.open('generatrix-page-v1');
      return (await store.keys()).some(({ url }) => url.endsWith('.mjs'));
    });

    const before = server.requests.length;
    await page.reload();
    expect(await stateOf(page)).toBe('poster');
    expect(await page.locator('generatrix-sampler [part=size]').textContent()).toBe('Nothing to download');
    await page.getByRole('button', { name: 'Run here' }).click();
    await page.locator('generatrix-sampler[state=ready]').waitFor();
    const fetched = server.requests.slice(before).map(({ path }) => path);
    expect(fetched.filter((path) => /\.(onnx|gz|wasm|png|safetensors)$/.test(path))).toEqual([]);

    await context.setOffline(true);
    await page.reload();
    await page.getByRole('button', { name: 'Run here' }).click();
    await page.locator('generatrix-sampler[state=ready]').waitFor();
    expect(await greys(page)).toEqual(first);
    watched.forgive(/ERR_INTERNET_DISCONNECTED|ERR_FAILED/);
  });
});
