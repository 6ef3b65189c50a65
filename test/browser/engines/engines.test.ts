import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSampler } from '@generatrix/runtime';
import { exportRun, runTraining } from '@generatrix/training';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StaticServer, serveFolder } from '../serve.ts';
import { makeSite, type SiteFixture } from '../site-fixture.ts';
import { startChromium } from './chromium.ts';
import { type Engine, waitFor } from './engine.ts';
import { startFirefox } from './firefox.ts';
import { startWebKit } from './webkit.ts';

/** `npm run browsers` asks for these; the suite has Chromium in the other files. */
const wanted = process.env.GENERATRIX_BROWSERS !== undefined;
if (!wanted) console.log('three engines: skipped, npm run browsers runs them');

const engines = { Chromium: startChromium, Firefox: startFirefox, WebKitGTK: startWebKit } as const;
const checks = ['element', 'gallery', 'training', 'offline', 'seed 42'] as const;

let fixture: SiteFixture;
/** A line for each engine: what each check came to. */
const table: Record<string, Record<string, string>> = {};

beforeAll(async () => {
  if (!wanted) return;
  fixture = await makeSite();
  const run = join(fixture.models, '../run');
  await runTraining(run, {
    family: 'vae',
    options: { hidden: [24], latent: 4 },
    data: { name: 'glyphs', size: 80 },
    ...{ seed: 1, steps: 20, batchSize: 20, learningRate: 3e-3, schedule: 'constant' },
    ...{ engine: 'onnx', device: 'cpu', reportEvery: 20, evaluateEvery: 20, checkpointEvery: 20 },
  });
  await exportRun(run, join(fixture.models, 'trainable'), ['shared'], 'onnx', { examples: 80 });
  const library = '<script type="module" src="./generatrix-sampler.js"></script>';
  const page = (body: string) =>
    `<!doctype html><html lang="en"><head><title>engines</title>${library}</head><body>${body}</body></html>`;
  await mkdir(fixture.site, { recursive: true });
  await writeFile(join(fixture.site, 'blank.html'), page(''));
  const element =
    '<generatrix-sampler src="./models/vae" count="9" device="wasm" autoload offline="./generatrix-offline.js">';
  await writeFile(join(fixture.site, 'offline.html'), page(`${element}</generatrix-sampler>`));
}, 300_000);
afterAll(async () => {
  await fixture?.remove();
  if (!wanted) return;
  const header = `| engine | ${checks.join(' | ')} |`;
  const rows = Object.entries(table).map(
    ([name, found]) => `| ${name} | ${checks.map((check) => found[check] ?? 'failed').join(' | ')} |`,
  );
  console.log([header, `|${' --- |'.repeat(checks.length + 1)}`, ...rows].join('\n'));
});

const shown = `document.querySelector('generatrix-sampler')`;
const pixels = `(() => {
  const canvas = ${shown}.shadowRoot.querySelector('canvas');
  return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data].join();
})()`;

describe.skipIf(!wanted).each(Object.entries(engines))('%s', (name, start) => {
  let engine: Engine | undefined;
  let server: StaticServer;
  let isServed = true;
  const found: Record<string, string> = {};

  beforeAll(async () => {
    const started = await start();
    if ('reason' in started) {
      console.log(`${name}: skipped, ${started.reason}`);
      return;
    }
    engine = started;
    table[engine.version] = found;
    server = await serveFolder(fixture.site, { mounts: { '/models/': fixture.models } });
  }, 120_000);
  afterAll(async () => {
    await engine?.close();
    if (isServed) await server?.close();
  });

  it('draws in an element, again when an attribute changes, and seed 42 is the seed 42 of Node', async ({
    skip,
  }) => {
    if (engine === undefined) return skip();
    await engine.open(`${server.url}blank.html`);
    await engine.evaluate(`customElements.whenDefined('generatrix-sampler').then(() => {
      document.body.innerHTML = '<generatrix-sampler src="./models/vae" count="9" device="wasm"></generatrix-sampler>';
      return ${shown}.sample();
    })`);
    const first = String(await engine.evaluate(pixels));
    expect(new Set(first.split(',')).size).toBeGreaterThan(5);
    await engine.evaluate(`(${shown}.seed = 7, ${shown}.sample())`);
    expect(await engine.evaluate(pixels)).not.toBe(first);
    found.element = 'yes';

    const drawn = (await engine.evaluate(`import('./generatrix-sampler.js').then(async ({ loadSampler }) => {
      const sampler = await loadSampler('./models/vae', { device: 'wasm' });
      const { data } = await sampler.sample({ count: 9, seed: 42 });
      return [...data.data];
    })`)) as number[];
    const sampler = await loadSampler(join(fixture.models, 'vae'), { device: 'cpu' });
    const { data } = await sampler.sample({ count: 9, seed: 42 });
    await sampler.release();
    const worst = drawn.reduce((most, value, i) => Math.max(most, Math.abs(value - data.data[i]!)), 0);
    expect(drawn).toHaveLength(data.data.length);
    expect(worst).toBeLessThan(1e-5);
    const bytes = new Uint8Array(Float32Array.from(drawn).buffer);
    found['seed 42'] = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
    // One and the same WebAssembly: its arithmetic is the same to the last bit, whoever runs it.
    const others = Object.values(table).flatMap((each) => each['seed 42'] ?? []);
    expect(new Set(others).size).toBe(1);
  });

  it('runs every model of the tree', async ({ skip }) => {
    if (engine === undefined) return skip();
    await engine.open(`${server.url}?device=wasm`);
    await waitFor(engine, `document.querySelector('#main').dataset.state === 'ready'`);
    await engine.evaluate(`document.querySelectorAll('.picture').forEach((picture) => picture.click())`);
    await waitFor(engine, `document.querySelectorAll('.model[data-state=live]').length === 6`);
    found.gallery = '6 of 6';
  });

  it('trains in the tab, the loss falls, and Stop stops it', async ({ skip }) => {
    if (engine === undefined) return skip();
    await engine.open(`${server.url}train.html?model=models/trainable`);
    await waitFor(engine, `document.querySelector('#main').dataset.state === 'choosing'`);
    await engine.evaluate(`(document.querySelector('#device').value = 'wasm',
      document.querySelector('#steps').value = '100000', document.querySelector('#start').click())`);
    const step = `Number(document.querySelector('#main').dataset.step)`;
    const loss = async () => Number(await engine!.evaluate(`document.querySelector('#main').dataset.loss`));
    await waitFor(engine, `${step} >= 10`);
    const first = await loss();
    await waitFor(engine, `${step} >= 150`);
    await engine.evaluate(`document.querySelector('#stop').click()`);
    await waitFor(engine, `document.querySelector('#main').dataset.state === 'stopped'`);
    expect(await loss()).toBeLessThan(first);
    found.training = 'yes';
  });

  it('opens again when the server has gone, and draws the same', async ({ skip }) => {
    if (engine === undefined) return skip();
    await engine.open(`${server.url}offline.html`);
    await waitFor(engine, `${shown}.state === 'ready'`);
    const first = await engine.evaluate(pixels);
    await waitFor(
      engine,
      `await caches.open('generatrix-page-v1').then((store) => store.keys())
        .then((keys) => keys.some(({ url }) => url.endsWith('.mjs')))`,
    );
    await server.close();
    isServed = false;
    await engine.open(`${server.url}offline.html`);
    await waitFor(engine, `${shown}?.state === 'ready'`);
    expect(await engine.evaluate(pixels)).toBe(first);
    found.offline = 'yes';
  });
});
