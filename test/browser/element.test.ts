import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { loadSampler } from '@generatrix/runtime';
import { familyCases } from '@generatrix/training';
import { ensureChromium, launchChromium, openWatchedPage } from '@generatrix/training/browser';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModelBundle } from '../parity/model-bundles.ts';
import { buildPage } from './run-program.ts';
import { type StaticServer, serveFolder } from './serve.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`embeddable element: skipped, ${missing}`);

const models = { vae: 'vae, mlp', realnvp: 'realnvp, points', wavenet: 'wavenet' };

/** Pages of another author: the example, two elements at once, one that waits, and the script's interface. */
const pages: Record<string, string> = {
  two: `<generatrix-sampler src="../models/vae" count="16" seed="42" device="wasm"></generatrix-sampler>
    <generatrix-sampler src="../models/realnvp" count="200" seed="1" device="wasm"></generatrix-sampler>`,
  sound: '<generatrix-sampler src="../models/wavenet" count="1" seed="1" device="wasm"></generatrix-sampler>',
  webgpu:
    '<generatrix-sampler src="../models/vae" count="16" seed="42" device="webgpu"></generatrix-sampler>',
  click: '<generatrix-sampler src="../models/vae" load="click" device="wasm"></generatrix-sampler>',
  missing: '<generatrix-sampler src="../models/none" device="wasm"></generatrix-sampler>',
  broken: '<generatrix-sampler src="../models/broken" device="wasm"></generatrix-sampler>',
  script: '<p id="out"></p><script type="module" src="./script.js"></script>',
};
const script = `import { loadSampler } from '../embed/generatrix-sampler.js';
const sampler = await loadSampler('../models/vae', { device: 'wasm' });
const { data } = await sampler.sample({ count: 3, seed: 42 });
document.getElementById('out').textContent = JSON.stringify([...data.shape, data.data[0]]);
`;

let folder: string;
let site: string;
const servers: StaticServer[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-element-'));
  if (missing !== '') return;
  site = join(folder, 'site');
  await mkdir(join(folder, 'models'));
  for (const [name, title] of Object.entries(models)) {
    const familyCase = familyCases.find((candidate) => candidate.name === title)!;
    await writeModelBundle(join(folder, 'models', name), familyCase);
  }
  await writeModelBundle(join(folder, 'models', 'broken'), familyCases[0]!);
  await writeFile(join(folder, 'models', 'broken', 'sample.onnx'), 'no model');
  await buildPage(fileURLToPath(new URL('../../web-demo', import.meta.url)), site);
  await mkdir(join(site, 'pages'));
  for (const [name, body] of Object.entries(pages)) {
    const head = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${name}</title>
      <script type="module" src="../embed/generatrix-sampler.js"></script></head>`;
    await writeFile(
      join(site, 'pages', `${name}.html`),
      `${head}<body><main><h1>Test</h1>${body}</main></body></html>`,
    );
  }
  await writeFile(join(site, 'pages', 'script.js'), script);
});
afterAll(async () => {
  for (const server of servers) await server.close();
  await rm(folder, { recursive: true, force: true });
});

async function serve(isolated = false): Promise<StaticServer> {
  const server = await serveFolder(site, { isolated, mounts: { '/models/': join(folder, 'models') } });
  servers.push(server);
  return server;
}

interface Shown {
  readonly drawn: number[] | null;
  readonly status: string;
  readonly badge: string;
}

/** Waits until every element has drawn or failed; what each shows. */
async function settled(page: Page): Promise<Shown[]> {
  await page.waitForFunction(() =>
    [...document.querySelectorAll('generatrix-sampler')].every((element) => {
      const { samples } = element as unknown as { samples: unknown };
      const failed = element.shadowRoot?.querySelector('[part="status"]')?.classList.contains('error');
      return element.getAttribute('aria-busy') === 'false' && (samples !== null || failed);
    }),
  );
  return page.evaluate(() =>
    [...document.querySelectorAll('generatrix-sampler')].map((element) => {
      const { samples } = element as unknown as { samples: { data: { data: Float32Array } } | null };
      const text = (part: string) => element.shadowRoot!.querySelector(`[part="${part}"]`)!.textContent ?? '';
      return {
        drawn: samples === null ? null : Array.from(samples.data.data),
        status: text('status'),
        badge: text('badge'),
      };
    }),
  );
}

async function samplesInNode(name: string, count: number, seed: number): Promise<Float32Array> {
  const sampler = await loadSampler(join(folder, 'models', name), { device: 'cpu' });
  const { data } = await sampler.sample({ count, seed });
  await sampler.release();
  return data.data as Float32Array;
}

function expectSame(actual: readonly number[] | null, expected: Float32Array): void {
  expect(actual).toHaveLength(expected.length);
  // Devices sum in other orders; the values are of order 1.
  for (const [i, value] of expected.entries()) expect(actual![i]).toBeCloseTo(value, 4);
}

describe.skipIf(missing !== '')('the embeddable element', () => {
  it.each([false, true])('two on one page draw what Node draws, isolated: %s', async (isolated) => {
    const server = await serve(isolated);
    const browser = await launchChromium();
    const { page, lines } = await openWatchedPage(await browser.newContext(), server.url);
    await page.goto(`${server.url}pages/two.html`);
    const [vae, realnvp] = (await settled(page)) as [Shown, Shown];
    expectSame(vae.drawn, await samplesInNode('vae', 16, 42));
    expectSame(realnvp.drawn, await samplesInNode('realnvp', 200, 1));
    expect(vae.badge).toMatch(/^WASM, error \de-\d+$/);
    // Only the WASM build was fetched, and each file once though two elements use it.
    const fetched = server.requests.filter(({ path }) => path.startsWith('/ort/') && path.endsWith('.wasm'));
    expect(fetched.map(({ path }) => path)).toEqual(['/ort/ort-wasm-simd-threaded.wasm']);
    expect(lines).toEqual([]);
    await browser.close();
  });

  it('on WebGPU draws what Node draws', async () => {
    const server = await serve();
    const browser = await launchChromium({ webgpu: true });
    const { page, lines } = await openWatchedPage(await browser.newContext(), server.url);
    await page.goto(`${server.url}pages/webgpu.html`);
    const [vae] = (await settled(page)) as [Shown];
    expectSame(vae.drawn, await samplesInNode('vae', 16, 42));
    expect(vae.badge).toMatch(/^WebGPU, error/);
    expect(lines).toEqual([]);
    await browser.close();
  });

  it('the second visit downloads neither model nor engine, and draws without the server for them', async () => {
    const server = await serve();
    const browser = await launchChromium();
    const context = await browser.newContext();
    const { page } = await openWatchedPage(context, server.url);
    await page.goto(`${server.url}pages/two.html`);
    const first = await settled(page);
    const before = server.requests.length;
    await context.route(/\/models\/|\.wasm$/, (route) => route.abort());
    await page.reload();
    const second = await settled(page);
    expect(second.map(({ drawn }) => drawn)).toEqual(first.map(({ drawn }) => drawn));
    const later = server.requests.slice(before).map(({ path }) => path);
    expect(later.filter((path) => path.startsWith('/models/') || path.endsWith('.wasm'))).toEqual([]);
    await browser.close();
  });

  it('waits for the button when told to, states what it will download, and can be cancelled', async () => {
    const server = await serve();
    const browser = await launchChromium();
    const { page } = await openWatchedPage(await browser.newContext(), server.url);
    await page.goto(`${server.url}pages/click.html`);
    const element = page.locator('generatrix-sampler');
    await element.locator('[part="button"]:enabled').waitFor();
    expect(await element.locator('[part="status"]').textContent()).toMatch(
      /kB of model and about 3\.7 MB of engine/,
    );
    expect(server.requests.some(({ path }) => path.endsWith('.wasm'))).toBe(false);
    await element.evaluate((node) => {
      const sampler = node as unknown as { count: number; draw(): Promise<unknown>; cancel(): void };
      sampler.count = 5000;
      void sampler.draw();
    });
    await element.locator('[part="cancel"]:visible').click();
    await page.waitForFunction(
      () => document.querySelector('generatrix-sampler')?.getAttribute('aria-busy') === 'false',
    );
    expect(await element.locator('[part="status"]').textContent()).toBe('Cancelled');
    await element.evaluate((node) => node.setAttribute('count', '4'));
    await element.locator('[part="button"]').press('Enter');
    const [shown] = await settled(page);
    expect(shown!.status).toMatch(/^4 samples, seed \d+, in /);
    await browser.close();
  });

  it('plays sound, and says in a line what is wrong with a bundle', async () => {
    const server = await serve();
    const browser = await launchChromium();
    const { page, lines } = await openWatchedPage(await browser.newContext(), server.url);
    await page.goto(`${server.url}pages/sound.html`);
    const [sound] = (await settled(page)) as [Shown];
    expectSame(sound.drawn, await samplesInNode('wavenet', 1, 1));
    await page.locator('generatrix-sampler [part="play"]').click();
    // The tiny clip may have ended by now: what is seen is that playing began and did not fail.
    expect(await page.locator('generatrix-sampler [part="play"]').textContent()).toMatch(/^(Stop|Play)$/);
    expect(lines).toEqual([]);
    await page.goto(`${server.url}pages/missing.html`);
    expect((await settled(page))[0]!.status).toMatch(
      /model\.json cannot be fetched: the server answered 404/,
    );
    await page.goto(`${server.url}pages/broken.html`);
    expect((await settled(page))[0]!.status).toMatch(/sample\.onnx has 8 bytes where model\.json says \d+/);
    await browser.close();
  });

  it('three lines of script do the same', async () => {
    const server = await serve();
    const browser = await launchChromium();
    const { page, lines } = await openWatchedPage(await browser.newContext(), server.url);
    await page.goto(`${server.url}pages/script.html`);
    const text = await page.locator('#out:not(:empty)').textContent();
    const [count, height, width, channels, value] = JSON.parse(text!) as number[];
    const expected = await samplesInNode('vae', 3, 42);
    expect(count! * height! * width! * channels!).toBe(expected.length);
    expect(value).toBeCloseTo(expected[0]!, 4);
    expect(lines).toEqual([]);
    await browser.close();
  });

  it('where neither WebGPU nor WASM works, it says so', async () => {
    const server = await serve();
    const browser = await launchChromium();
    const context = await browser.newContext();
    const { page } = await openWatchedPage(context, server.url);
    // Workers have a scope of their own: the engine's files fail to arrive there instead.
    await context.route(/\/ort\//, (route) => route.fulfill({ status: 404 }));
    await page.goto(`${server.url}examples/embed.html`);
    expect((await settled(page))[0]!.status).toMatch(/no device works here: webgpu: .*; wasm: /);
    await browser.close();
  });

  it('has no serious finding of axe-core, in the light and in the dark', async () => {
    const server = await serve();
    const browser = await launchChromium();
    const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ colorScheme, bypassCSP: true });
      const { page } = await openWatchedPage(context, server.url);
      await page.goto(`${server.url}pages/two.html`);
      await settled(page);
      await page.addScriptTag({ content: axe });
      const violations = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as {
          axe: { run(): Promise<{ violations: { id: string; impact: string }[] }> };
        };
        return (await axe.run()).violations.map(({ id, impact }) => `${impact}: ${id}`);
      });
      expect(violations.filter((line) => /serious|critical/.test(line))).toEqual([]);
    }
    await browser.close();
  });

  it('is under 60 kB of script and, before the first sample on WASM, 4.5 MB in all, as gzip', async () => {
    const size = async (path: string) => gzipSync(await readFile(join(site, path)), { level: 9 }).length;
    const assets = await readdir(join(site, 'assets'));
    const entry = await readFile(join(site, 'embed/generatrix-sampler.js'), 'utf8');
    const worker = assets.find((file) => file.startsWith('element-worker'))!;
    // The worker imports one of onnxruntime's builds; the one with `wasm` in its name is the plain one.
    const workerText = await readFile(join(site, 'assets', worker), 'utf8');
    const engine = assets.find((file) => /^ort\.wasm/.test(file) && workerText.includes(file))!;
    const imported = [...`${entry}${workerText}`.matchAll(/from\s*["'][^"']*\/([\w.-]+\.js)["']/g)].map(
      (match) => `assets/${match[1]}`,
    );
    const own = ['embed/generatrix-sampler.js', `assets/${worker}`, ...new Set(imported)];
    const sizes = await Promise.all(own.map(size));
    const scripts = sizes.reduce((total, bytes) => total + bytes, 0);
    const glue = await size(`assets/${engine}`);
    const loader = await size('ort/ort-wasm-simd-threaded.mjs');
    const wasm = await size('ort/ort-wasm-simd-threaded.wasm');
    console.log(
      `element: ${scripts} bytes of script, ${glue + loader} of onnxruntime's, ${wasm} of WASM (gzip)`,
    );
    expect(scripts + glue + loader).toBeLessThan(60_000);
    expect(scripts + glue + loader + wasm).toBeLessThan(4_500_000);
  });
});

it("the README's page is the example that is built and tested", async () => {
  const root = fileURLToPath(new URL('../../web-demo', import.meta.url));
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const snippet = /```html\n([\s\S]*?)```/.exec(readme)![1];
  expect(snippet).toBe(await readFile(join(root, 'examples/embed.html'), 'utf8'));
});
