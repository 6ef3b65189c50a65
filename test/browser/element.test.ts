import { describe, expect, test } from 'vitest';
import { elementPages, embed, greys, type SamplerElement, stateOf } from './element-pages.ts';
import { ensureChromium } from './ensure-chromium.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`element tests skipped: ${missing}`);

describe.skipIf(missing !== '')('<generatrix-sampler>', () => {
  const pages = elementPages();

  test('the example: a poster, what it will fetch, then samples, from the files of one device alone', async () => {
    const page = await pages.open();
    await page.addInitScript(() => {
      const longest = { ms: 0 };
      Object.assign(globalThis, { longest });
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) longest.ms = Math.max(longest.ms, duration);
      }).observe({ type: 'longtask', buffered: true });
    });
    const before = pages.server.requests.length;
    await page.goto(`${pages.server.url}examples/embed.html`);
    expect(await stateOf(page)).toBe('poster');
    const size = page.locator('generatrix-sampler [part=size]');
    expect(await size.textContent()).toMatch(/^Download: model .* [kM]?B, engine (3\.7|4\.1) MB/);
    await page.waitForFunction(
      () => document.querySelector('generatrix-sampler')!.shadowRoot!.querySelector('canvas')!.width > 1,
    );
    expect(pages.server.requests.slice(before).filter(({ path }) => /onnx|wasm/.test(path))).toEqual([]);
    const start = performance.now();
    await page.getByRole('button', { name: 'Run here' }).press('Enter');
    await page.locator('generatrix-sampler[state=ready]').waitFor();
    // The button that had the focus has gone; the keyboard goes on with what took its place.
    const focused = () => document.activeElement?.shadowRoot?.activeElement?.textContent;
    expect(await page.evaluate(focused)).toBe('Sample');
    const firstSample = performance.now() - start;
    const fetched = pages.server.requests.slice(before).map(({ path }) => path);
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

  test('two on one page share one worker and do not disturb each other', async () => {
    const page = await pages.open();
    const one = (src: string) =>
      `<generatrix-sampler src="../models/${src}" device="wasm" count="4" autoload></generatrix-sampler>`;
    await embed(page, pages.server.url, one('images') + one('vae') + one('images'));
    await page.waitForFunction(
      () => document.querySelectorAll('generatrix-sampler[state=ready]').length === 3,
    );
    expect(page.workers()).toHaveLength(1);
    expect(await greys(page, 0)).toEqual(await greys(page, 2));
    expect(await greys(page, 1)).not.toEqual(await greys(page, 0));
  });

  test('attributes, properties and events: a seed, a class, a temperature, and what they bring', async () => {
    const page = await pages.open();
    await embed(
      page,
      pages.server.url,
      '<generatrix-sampler src="../models/images" device="wasm" count="4"></generatrix-sampler>',
    );
    await page.evaluate(() => {
      const names: string[] = [];
      Object.assign(globalThis, { names });
      for (const name of ['load', 'progress', 'sample', 'error']) {
        document.addEventListener(`generatrix-${name}`, () => names.at(-1) !== name && names.push(name));
      }
    });
    await page.evaluate(() => (document.querySelector('generatrix-sampler') as SamplerElement).sample());
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
    expect(
      await page.evaluate(() => (document.querySelector('generatrix-sampler') as SamplerElement).seed),
    ).toBe(7);
    const names = await page.evaluate(() => (globalThis as unknown as { names: string[] }).names);
    expect(names.slice(0, 3)).toEqual(['progress', 'load', 'sample']);
    expect(names).not.toContain('error');
  });

  test('promises and attributes: what is shown at the end is what the attributes say', async () => {
    const page = await pages.open();
    await embed(page, pages.server.url, '');
    // As soon as it stands in the page, and with attributes that change while it loads and while it draws.
    const drawn = await page.evaluate(async () => {
      const element = document.createElement('generatrix-sampler') as SamplerElement;
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
      const empty = document.createElement('generatrix-sampler') as SamplerElement;
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
    const page = await pages.open();
    await embed(page, pages.server.url, '');
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
    const page = await pages.open();
    await embed(
      page,
      pages.server.url,
      '<generatrix-sampler src="../models/heavy" device="wasm" count="1"></generatrix-sampler>',
    );
    await page.getByRole('button', { name: 'Run here' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await stateOf(page)).toBe('poster');
    await page.evaluate(() => (document.querySelector('generatrix-sampler') as SamplerElement).sample());
    const before = await greys(page);
    await page.evaluate(() => document.querySelector('generatrix-sampler')!.setAttribute('count', '10000'));
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await stateOf(page)).toBe('ready');
    await page.evaluate(() => {
      const element = document.querySelector('generatrix-sampler') as SamplerElement;
      element.count = 1;
      return element.sample();
    });
    expect(await greys(page)).toEqual(before);
    pages.watched.forgive(/ERR_ABORTED/);
  });
});
