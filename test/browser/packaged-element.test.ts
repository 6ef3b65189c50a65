import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSampler } from '@generatrix/runtime';
import { familyCases } from '@generatrix/training/testing';
import type { Browser, Frame, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildElement } from '../packages/element.ts';
import { writeModelBundle } from '../parity/model-bundles.ts';
import { ensureChromium } from './ensure-chromium.ts';
import { openChromium } from './open-chromium.ts';
import { type Handler, type StaticServer, serveFolder } from './serve.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`tests of the packaged element skipped: ${missing}`);
const demo = fileURLToPath(new URL('../../web-demo', import.meta.url));

let folder: string;
let browser: Browser;
let expected: number[];
const servers: StaticServer[] = [];

/** A server of the folder: with a policy, and open to pages of other origins, as a CDN is. */
async function serve(policy: string): Promise<StaticServer> {
  const handler: Handler = (_request, response) => {
    response.setHeader('Content-Security-Policy', policy);
    response.setHeader('Access-Control-Allow-Origin', '*');
    return false;
  };
  const server = await serveFolder(folder, { handler });
  servers.push(server);
  return server;
}

const page = (
  head: string,
  src = 'models/gmm',
) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Page</title>
${head}<generatrix-sampler src="${src}" count="9" seed="42" device="wasm"></generatrix-sampler></html>`;

beforeAll(async () => {
  if (missing !== '') return;
  folder = await mkdtemp(join(tmpdir(), 'generatrix-packaged-'));
  await buildElement(demo, join(folder, 'element'));
  await mkdir(join(folder, 'models'));
  await writeModelBundle(
    join(folder, 'models/gmm'),
    familyCases.find(({ name }) => name.startsWith('gmm, full'))!,
  );
  const sampler = await loadSampler(join(folder, 'models/gmm'), { device: 'cpu' });
  const { data } = await sampler.sample({ count: 9, seed: 42 });
  expected = [...data.data];
  await sampler.release();
  browser = await openChromium();
}, 240_000);

afterAll(async () => {
  await browser?.close();
  for (const server of servers) await server.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** What the page's element draws. */
async function drawn(frame: Page | Frame): Promise<number[]> {
  await frame.waitForFunction(() => customElements.get('generatrix-sampler') !== undefined);
  return frame.evaluate(async () => {
    const element = document.querySelector('generatrix-sampler') as HTMLElement & {
      sample(): Promise<unknown>;
    };
    const told = new Promise<number[]>((resolve, reject) => {
      element.addEventListener('generatrix-sample', (event) =>
        resolve([...(event as CustomEvent<{ data: { data: Float32Array } }>).detail.data.data]),
      );
      element.addEventListener('generatrix-error', (event) =>
        reject(new Error((event as CustomEvent<{ message: string }>).detail.message)),
      );
    });
    const [values] = await Promise.all([told, element.sample()]);
    return values;
  });
}

async function expectDrawn(frame: Page | Frame): Promise<void> {
  const values = await drawn(frame);
  expect(values.length).toBe(expected.length);
  for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, 4);
}

describe.skipIf(missing !== '')('the packaged element', () => {
  it('from a static folder, under a strict policy, with Trusted Types', async () => {
    await writeFile(
      join(folder, 'static.html'),
      page('<script type="module" src="element/generatrix-sampler.js"></script>'),
    );
    const server = await serve(
      "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; require-trusted-types-for 'script'; trusted-types generatrix",
    );
    const opened = await browser.newPage();
    await opened.goto(`${server.url}static.html`);
    await expectDrawn(opened);
    const fetched = server.requests.map(({ path }) => path).filter((path) => path.includes('ort'));
    expect(fetched.toSorted()).toEqual([
      '/element/files/ort-wasm-simd-threaded.mjs',
      '/element/files/ort-wasm-simd-threaded.wasm.gz',
      '/element/files/ort.wasm.min.mjs',
    ]);
    await opened.close();
  });

  it('from another origin, by an import map, on WASM alone', async () => {
    const cdn = await serve("default-src 'none'");
    const map = JSON.stringify({ imports: { '@generatrix/element': `${cdn.url}element/wasm.js` } });
    await writeFile(
      join(folder, 'mapped.html'),
      page(
        `<script type="importmap">${map}</script><script type="module">import '@generatrix/element';</script>`,
      ),
    );
    const server = await serve('');
    const opened = await browser.newPage();
    await opened.goto(`${server.url}mapped.html`);
    await expectDrawn(opened);
    expect(server.requests.filter(({ path }) => path.startsWith('/element/'))).toEqual([]);
    await opened.close();
  });

  it('in a sandboxed frame, which has no origin and no storage', async () => {
    await writeFile(
      join(folder, 'frame.html'),
      page('<script type="module" src="element/generatrix-sampler.js"></script>'),
    );
    await writeFile(
      join(folder, 'outer.html'),
      '<!doctype html><title>Outer</title><iframe sandbox="allow-scripts" src="frame.html" width="600" height="600"></iframe>',
    );
    const server = await serve('');
    const opened = await browser.newPage();
    await opened.goto(`${server.url}outer.html`);
    const frame = opened.frames().find((each) => each.url().endsWith('frame.html'))!;
    await expectDrawn(frame);
    await opened.close();
  });
});
