import { loadSampler, type Sampler } from '@generatrix/runtime';
import { hostTensor, sizeOf } from '@generatrix/runtime/core';
import { decodePng, decodeWav, encodeWav, imageGrid, scatterPlot } from '@generatrix/runtime/media';
import type { RunningServer } from '@generatrix/runtime/serve';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeFolder, serveFolder, writeServedBundles } from './serve-bundles.ts';

let folder: string;
let server: RunningServer;
const samplers = new Map<string, Sampler>();

beforeAll(async () => {
  folder = await writeServedBundles();
  server = await serveFolder(folder, { maxBatch: 16 });
  expect(server.engine.refused()).toEqual([]);
});
afterAll(async () => {
  for (const sampler of samplers.values()) await sampler.release();
  await server.stop();
  await removeFolder(folder);
});

/** The model, run here: what the server must agree with. */
async function samplerOf(name: string): Promise<Sampler> {
  const known = samplers.get(name);
  if (known) return known;
  const sampler = await loadSampler(`${folder}/${name}`, { device: 'cpu', threads: 1 });
  samplers.set(name, sampler);
  return sampler;
}

const post = (path: string, body: unknown, accept = 'application/json') =>
  fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: accept },
    body: JSON.stringify(body),
  });

async function bytesOf(response: Response): Promise<Uint8Array> {
  expect(response.status).toBe(200);
  return new Uint8Array(await response.arrayBuffer());
}

/** Rounding may depend on the batch that a row is computed in: the last bits of single precision. */
function expectClose(got: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(got.length).toBe(wanted.length);
  let worst = 0;
  for (let i = 0; i < got.length; i++) worst = Math.max(worst, Math.abs(got[i]! - wanted[i]!));
  expect(worst).toBeLessThan(1e-5);
}

describe('samples over workers', () => {
  it.each(['vae', 'gmm', 'made', 'pixelcnn', 'wavenet'])('%s: those of the sampler', async (name) => {
    const sampler = await samplerOf(name);
    const { data } = await sampler.sample({ count: 5, seed: 42 });
    const answer = (await (await post(`/v1/models/${name}/samples`, { count: 5, seed: 42 })).json()) as {
      shape: number[];
      data: unknown[];
    };
    expect(answer.shape).toEqual(data.shape);
    expectClose(answer.data.flat(4) as number[], data.data);
  });

  it('do not depend on who shares the batch', async () => {
    const path = '/v1/models/vae/samples';
    const alone = await (await post(path, { count: 3, seed: 7 })).json();
    const crowd = await Promise.all(
      Array.from({ length: 40 }, async (_, i) =>
        (await post(path, { count: i === 20 ? 3 : 1 + (i % 5), seed: i === 20 ? 7 : i })).json(),
      ),
    );
    expectClose(
      (crowd[20] as { data: unknown[] }).data.flat(4) as number[],
      (alone as { data: unknown[] }).data.flat(4) as number[],
    );
  });
});

describe('formats', () => {
  it('a grid and a strip of images are PNG, the pixels of imageGrid', async () => {
    const sampler = await samplerOf('vae');
    const { data } = await sampler.sample({ count: 6, seed: 3 });
    for (const [accept, extra, options] of [
      ['image/png', {}, { columns: 3 }],
      ['image/png; strip', {}, { columns: 6 }],
      ['image/png;layout=strip', { scale: 2 }, { columns: 6, scale: 2 }],
      ['image/*', { layout: 'strip' }, { columns: 6 }],
      ['*/*', { format: 'png', columns: 2 }, { columns: 2 }],
    ] as const) {
      const response = await post('/v1/models/vae/samples', { count: 6, seed: 3, ...extra }, accept);
      expect(response.headers.get('Content-Type')).toBe('image/png');
      expect(response.headers.get('Vary')).toContain('Accept');
      const { width, height, channels, data: pixels } = await decodePng(await bytesOf(response));
      const wanted = imageGrid(data, { range: [0, 1], ...options });
      expect([width, height, channels]).toEqual([wanted.width, wanted.height, wanted.channels]);
      // A value on the boundary of two bytes may round either way.
      for (let i = 0; i < pixels.length; i++)
        expect(Math.abs(pixels[i]! - wanted.data[i]!)).toBeLessThanOrEqual(1);
    }
  });

  it('points are a scatter plot, sound is WAV', async () => {
    const { data } = await (await samplerOf('gmm')).sample({ count: 50, seed: 1 });
    const plot = await decodePng(
      await bytesOf(await post('/v1/models/gmm/samples', { count: 50, seed: 1 }, 'image/png')),
    );
    const wanted = scatterPlot(data);
    expect([plot.width, plot.height]).toEqual([wanted.width, wanted.height]);
    const { data: sound } = await (await samplerOf('wavenet')).sample({ count: 2, seed: 1 });
    const response = await post('/v1/models/wavenet/samples', { count: 2, seed: 1 }, 'audio/wav');
    const bytes = await bytesOf(response);
    expect(decodeWav(bytes, 'answer')).toEqual(
      decodeWav(encodeWav(sound.data as Float32Array, 8000), 'wanted'),
    );
    expect((await post('/v1/models/wavenet/samples', {}, 'image/png')).status).toBe(406);
    expect((await post('/v1/models/vae/samples', {}, 'audio/wav')).status).toBe(406);
  });
});

describe('the other programs', () => {
  it('completes what is given, one example for many', async () => {
    const given = Array.from({ length: 6 }, () => Array.from({ length: 5 }, (_, x) => [x % 2]));
    const response = await post('/v1/models/made/complete', { given, count: 4, rows: 3, seed: 5 });
    const { data, shape } = (await response.json()) as { data: number[][][][]; shape: number[] };
    expect(shape).toEqual([4, 6, 5, 1]);
    for (const image of data) expect(image.slice(0, 3)).toEqual(given.slice(0, 3));
    const again = await post('/v1/models/made/samples', {
      given: [given, given, given, given],
      rows: 3,
      seed: 5,
      count: 4,
    });
    expect(((await again.json()) as { data: unknown }).data).toEqual(data);
    expect((await post('/v1/models/made/complete', { given: [given, given], count: 3 })).status).toBe(400);
    expect((await post('/v1/models/made/complete', { given, rows: 7 })).status).toBe(400);
  });

  it('scores and codes', async () => {
    const sampler = await samplerOf('vae');
    const { data } = await sampler.sample({ count: 3, seed: 8 });
    const rows = await (await post('/v1/models/vae/samples', { count: 3, seed: 8 })).json();
    const examples = (rows as { data: unknown }).data;
    const { values } = await sampler.logProb({ data, samples: 4, seed: 2 });
    const scored = await (
      await post('/v1/models/vae/logprob', { data: examples, samples: 4, seed: 2 })
    ).json();
    expect((scored as { kind: string }).kind).toBe('bound');
    // Sums of 30 terms of order 1 in single precision.
    (scored as { values: number[] }).values.forEach((value, i) => {
      expect(value).toBeCloseTo(values[i]!, 3);
    });
    const { latent, shape } = (await (
      await post('/v1/models/vae/encode', { data: examples, seed: 2 })
    ).json()) as {
      latent: unknown[];
      shape: number[];
    };
    const codes = await sampler.encode(data, { seed: 2 });
    expectClose(latent.flat() as number[], codes.data);
    const decoded = (await (await post('/v1/models/vae/decode', { latent })).json()) as { data: unknown[] };
    const back = await sampler.decode(hostTensor('float32', shape, latent.flat() as number[]));
    expectClose(decoded.data.flat(4) as number[], back.data);
  });

  it('interpolates from the sample of one seed to that of another', async () => {
    const body = { from: 1, to: 2, steps: 4 };
    const { data, shape } = (await (await post('/v1/models/vae/interpolate', body)).json()) as {
      data: unknown[];
      shape: number[];
    };
    expect(shape).toEqual([4, 6, 5, 1]);
    for (const [seed, row] of [
      [1, data[0]],
      [2, data[3]],
    ] as const) {
      const sample = await (await samplerOf('vae')).sample({ count: 1, seed });
      expectClose((row as unknown[]).flat(3) as number[], sample.data.data);
    }
    expect((await post('/v1/models/made/interpolate', body)).status).toBe(400);
  });

  it('every program answers on the face of the protocol', async () => {
    for (const { name, manifest } of server.engine.models()) {
      for (const [program, { inputs, outputs }] of Object.entries(manifest.programs)) {
        const tensors = Object.entries(inputs).flatMap(([input, { role, shape, dtype }]) => {
          if (role === 'noise' || role === 'scalar') return [];
          const datatype = dtype === 'float32' ? 'FP32' : 'INT32';
          const data = new Array(2 * sizeOf(shape)).fill(role === 'label' ? 1 : 0.25);
          return [{ name: input, shape: [2, ...shape], datatype, data }];
        });
        const request = { inputs: tensors, parameters: { seed: 1, count: 2 } };
        const response = await post(`/v2/models/${name}_${program}/infer`, request);
        const body = (await response.json()) as { outputs: { name: string; shape: number[] }[] };
        expect([name, program, response.status]).toEqual([name, program, 200]);
        expect(body.outputs.map((output) => [output.name, output.shape])).toEqual(
          Object.entries(outputs).map(([output, { shape }]) => [output, [2, ...shape]]),
        );
      }
    }
  });
});
