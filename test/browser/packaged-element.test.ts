import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildElement } from '../packages/element.ts';
import { elementPage, expectDrawn, writePageBundle } from './element-fixture.ts';
import { ensureChromium } from './ensure-chromium.ts';
import { type OpenChromium, openChromium } from './open-chromium.ts';
import { type Handler, type StaticServer, serveFolder } from './serve.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`tests of the packaged element skipped: ${missing}`);
const demo = fileURLToPath(new URL('../../web-demo', import.meta.url));

let folder: string;
let browser: OpenChromium;
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

beforeAll(async () => {
  if (missing !== '') return;
  folder = await mkdtemp(join(tmpdir(), 'generatrix-packaged-'));
  await buildElement(demo, join(folder, 'element'));
  expected = await writePageBundle(join(folder, 'models/gmm'));
  browser = await openChromium();
}, 240_000);

afterAll(async () => {
  await browser?.close();
  for (const server of servers) await server.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

describe.skipIf(missing !== '')('the packaged element', () => {
  it('from a static folder, under a strict policy, with Trusted Types', async () => {
    await writeFile(
      join(folder, 'static.html'),
      elementPage('<script type="module" src="element/generatrix-sampler.js"></script>'),
    );
    const server = await serve(
      "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; require-trusted-types-for 'script'; trusted-types generatrix",
    );
    const opened = await browser.newPage();
    await opened.goto(`${server.url}static.html`);
    await expectDrawn(opened, expected);
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
      elementPage(
        `<script type="importmap">${map}</script><script type="module">import '@generatrix/element';</script>`,
      ),
    );
    const server = await serve('');
    const opened = await browser.newPage();
    await opened.goto(`${server.url}mapped.html`);
    await expectDrawn(opened, expected);
    expect(server.requests.filter(({ path }) => path.startsWith('/element/'))).toEqual([]);
    await opened.close();
  });

  it('in a sandboxed frame, which has no origin and no storage', async () => {
    await writeFile(
      join(folder, 'frame.html'),
      elementPage('<script type="module" src="element/generatrix-sampler.js"></script>'),
    );
    await writeFile(
      join(folder, 'outer.html'),
      '<!doctype html><title>Outer</title><iframe sandbox="allow-scripts" src="frame.html" width="600" height="600"></iframe>',
    );
    const server = await serve('');
    const opened = await browser.newPage();
    await opened.goto(`${server.url}outer.html`);
    const frame = opened.frames().find((each) => each.url().endsWith('frame.html'))!;
    await expectDrawn(frame, expected);
    await opened.close();
  });
});
