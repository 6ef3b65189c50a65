import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostTensor, loadSampler } from '@generatrix/runtime';
import { describe, expect, test } from 'vitest';
import { elementPages, embed, greys, message } from './element-pages.ts';
import { ensureChromium } from './ensure-chromium.ts';
import { copyBundle } from './site-fixture.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`element tests skipped: ${missing}`);

describe.skipIf(missing !== '')('<generatrix-sampler> on each device', () => {
  const pages = elementPages();

  test.each(['wasm', 'isolated wasm', 'webgpu'])('seed 42 on %s is the seed 42 of Node', async (setting) => {
    const device = setting === 'webgpu' ? 'webgpu' : 'wasm';
    const isolated = setting === 'isolated wasm';
    const page = await pages.open({ device, isolated });
    const markup = `<generatrix-sampler src="../models/vae" count="9" device="${device}" autoload></generatrix-sampler>`;
    await embed(page, (isolated ? pages.isolatedServer : pages.server).url, markup);
    await page.locator('generatrix-sampler[state=ready]').waitFor();
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(isolated);
    const sampler = await loadSampler(join(pages.fixture.models, 'vae'), { device: 'cpu' });
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
  });

  test.each(['wasm', 'webgpu'] as const)(
    'programs that share weights on %s: fetched once, and right',
    async (device) => {
      const page = await pages.open({ device });
      await page.goto(`${pages.server.url}examples/blank.html`);
      const before = pages.server.requests.length;
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
      const fetched = () => pages.server.requests.slice(before).map(({ path }) => path);
      await expect
        .poll(() => fetched().filter((path) => /\.(onnx|safetensors)$/.test(path)))
        .toEqual([
          '/models/shared/sample.onnx',
          '/models/shared/weights.safetensors',
          '/models/shared/decode.onnx',
        ]);
      const sampler = await loadSampler(join(pages.fixture.models, 'shared'), { device: 'cpu' });
      const { data } = await sampler.sample({ count: 2, seed: 42 });
      const decoded = await sampler.decode(hostTensor('float32', [1, 8], code));
      await sampler.release();
      const worst = (a: readonly number[], b: ArrayLike<number>) =>
        a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
      expect(worst(found.sampled, data.data)).toBeLessThan(1e-5);
      expect(worst(found.decoded, decoded.data)).toBeLessThan(1e-5);
      expect(found.decoded).toHaveLength(28 * 28);
    },
  );

  test('neither WebGPU nor WASM: one clear line that says why', async () => {
    const page = await pages.open();
    await page.route('**/ort/**', (route) => route.fulfill({ status: 404, body: '' }));
    await embed(
      page,
      pages.server.url,
      '<generatrix-sampler src="../models/vae" autoload></generatrix-sampler>',
    );
    await page.locator('generatrix-sampler[state=failed]').waitFor();
    expect(await message(page)).toMatch(/^no device works here: wasm: .*; webgpu: .*/);
    pages.watched.forgive(/404|ERR_ABORTED/);
  });

  test('a device that computes wrongly is left: the reference in the bundle decides', async () => {
    const folder = await copyBundle(pages.fixture, 'vae', 'wrong-reference');
    const file = join(folder, 'model.json');
    const manifest = JSON.parse(await readFile(file, 'utf8'));
    const reference = await readFile(join(folder, manifest.reference.file));
    const headerLength = Number(reference.readBigUInt64LE(0));
    const header = JSON.parse(reference.subarray(8, 8 + headerLength).toString());
    const [begin] = header['sample/out/data'].data_offsets;
    reference.writeFloatLE(0.987, 8 + headerLength + begin);
    await writeFile(join(folder, manifest.reference.file), reference);
    manifest.reference.sha256 = createHash('sha256').update(reference).digest('hex');
    await writeFile(file, JSON.stringify(manifest));
    const page = await pages.open();
    await embed(
      page,
      pages.server.url,
      '<generatrix-sampler src="../models/wrong-reference" autoload></generatrix-sampler>',
    );
    await page.locator('generatrix-sampler[state=failed]').waitFor();
    expect(await message(page)).toMatch(/wasm: it computes data of sample wrongly/);
  });
});
