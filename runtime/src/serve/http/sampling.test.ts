import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSampler } from '../../model/load-node.ts';
import type { Sampler } from '../../model/sampler.ts';
import { drawLabels } from '../../noise/labels.ts';
import { hostTensor } from '../../program/tensor.ts';
import { startTestServer, type TestServer } from '../../testing/http-server.ts';
import { float32s } from '../../testing/infer.ts';

let server: TestServer;
let sampler: Sampler;

beforeAll(async () => {
  server = await startTestServer();
  sampler = await loadSampler(`${server.engine.folder}/points`, { device: 'cpu' });
});
afterAll(async () => {
  await sampler.release();
  await server.end();
});

async function json(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>;
}

const samples = '/v1/models/points/samples';

describe('samples', () => {
  it('are those that the sampler draws for the seed, which the answer repeats', async () => {
    const { data, outputs } = await sampler.sample({ count: 5, seed: 42, temperature: 0.5, firstIndex: 3 });
    const response = await server.post(samples, { count: 5, seed: 42, temperature: 0.5, first_index: 3 });
    expect(response.status).toBe(200);
    expect(response.headers.get('Generatrix-Seed')).toBe('42');
    const answer = await json(response);
    expect(answer).toMatchObject({ model: 'points', version: '1', program: 'sample', seed: 42, count: 5 });
    expect(answer.shape).toEqual([5, 3]);
    expect(float32s((answer.data as number[][]).flat())).toEqual([...data.data]);
    expect(answer.outputs).toEqual({ level: [...outputs.level!.data] });
  });

  it('without a seed can be drawn again by the one in the answer', async () => {
    const first = await json(await server.post(samples, { count: 2 }));
    const again = await json(await server.post(samples, { count: 2, seed: first.seed }));
    expect(again).toEqual(first);
    const other = await json(await server.post(samples, { count: 2 }));
    expect(other.seed).not.toEqual(first.seed);
  });

  it('take seeds of 64 bits as strings', async () => {
    const seed = '18446744073709551615';
    const { data } = await sampler.sample({ count: 1, seed: 2n ** 64n - 1n });
    const response = await server.post(samples, { seed });
    expect(response.headers.get('Generatrix-Seed')).toBe(seed);
    const answer = await json(response);
    expect(answer.seed).toBe(seed);
    expect(float32s(answer.data)).toEqual([[...data.data]]);
  });

  it('have the classes asked for, or classes in turn', async () => {
    const levels = async (body: object) =>
      ((await json(await server.post(samples, body))).outputs as { level: number[] }).level;
    expect(await levels({ count: 3 })).toEqual([0, 1, 0]);
    expect(await levels({ count: 3, label: 1 })).toEqual([1, 1, 1]);
    expect(await levels({ count: 30, labels: 'data', seed: 4, first_index: 7 })).toEqual([
      ...drawLabels([0.25, 0.75], { seed: 4, firstIndex: 7, count: 30 }),
    ]);
    expect(await levels({ count: 3, label: [1, 1, 0] })).toEqual([1, 1, 0]);
  });

  it('come with no body at all', async () => {
    const response = await server.fetch(samples, { method: 'POST' });
    expect(response.status).toBe(200);
    expect((await json(response)).count).toBe(1);
  });

  it('come as a NumPy array', async () => {
    const response = await server.post(samples, { count: 2, seed: 1 }, { Accept: 'application/x-npy' });
    expect(response.headers.get('Content-Type')).toBe('application/x-npy');
    const bytes = Buffer.from(await response.arrayBuffer());
    const header = bytes.readUInt16LE(8);
    expect(bytes.toString('latin1', 10, 10 + header)).toContain("'shape': (2, 3)");
    const { data } = await sampler.sample({ count: 2, seed: 1 });
    expect(new Float32Array(new Uint8Array(bytes.subarray(10 + header)).buffer)).toEqual(data.data);
  });

  it('of what cannot be drawn as a picture are refused as one, before they are drawn', async () => {
    const before = server.engine.calls.length;
    const accept = await server.post(samples, {}, { Accept: 'image/png' });
    expect([accept.status, await accept.json()]).toEqual([
      406,
      { error: 'Accept: samples of points can be application/json, application/x-npy' },
    ]);
    expect((await server.post(samples, { format: 'wav' })).status).toBe(406);
    expect((await server.post(samples, {}, { Accept: 'text/html' })).status).toBe(406);
    expect(server.engine.calls.length).toBe(before);
  });
});

describe('densities and codes', () => {
  it('an exact density needs its label', async () => {
    const body = {
      data: [
        [1, 2, 3],
        [0, 0, 1],
      ],
      label: 1,
    };
    // data . E[1] with E[1] = [10, 20, 30]
    expect(await json(await server.post('/v1/models/points/logprob', body))).toEqual({
      model: 'points',
      version: '1',
      kind: 'exact',
      unit: 'nats',
      values: [140, 30],
    });
    const response = await server.post('/v1/models/points/logprob', { data: body.data });
    expect([response.status, await response.json()]).toEqual([
      400,
      { error: 'label: program logProb of model points needs one, 0 to 1' },
    ]);
  });

  it('a bound is that of the sampler with the same draws', async () => {
    const own = await loadSampler(`${server.engine.folder}/bound`, { device: 'cpu' });
    const data = hostTensor('float32', [2, 3], [1, 2, 3, 0.5, 0, 0]);
    const { values } = await own.logProb({ data, samples: 7, seed: 5 });
    const response = await server.post('/v1/models/bound/logprob', {
      data: [
        [1, 2, 3],
        [0.5, 0, 0],
      ],
      samples: 7,
      seed: 5,
    });
    expect(response.headers.get('Generatrix-Seed')).toBe('5');
    expect(await json(response)).toMatchObject({ kind: 'bound', seed: 5, values: [...values] });
    await own.release();
  });

  it('encode and decode', async () => {
    const encoded = await json(await server.post('/v1/models/points/encode', { data: [1, 2, 3] }));
    expect(encoded).toMatchObject({ shape: [1, 3], latent: [[2, 4, 6]] });
    const decoded = await json(await server.post('/v1/models/points/decode', { latent: encoded.latent }));
    expect(decoded).toMatchObject({ shape: [1, 3], data: [[1, 2, 3]] });
    expect(decoded).not.toHaveProperty('seed');
  });
});

describe('interpolation', () => {
  const path = '/v1/models/points/interpolate';

  it('begins and ends at the samples of its seeds', async () => {
    const request = { from: 1, to: { seed: 2, index: 0 }, steps: 5, label: 0, temperature: 0.7 };
    for (const method of ['linear', 'spherical']) {
      const answer = await json(await server.post(path, { ...request, method }));
      const data = answer.data as number[][];
      expect(data.length).toBe(5);
      for (const [seed, row] of [
        [1, data[0]],
        [2, data[4]],
      ] as const) {
        const { data: sample } = await sampler.sample({ count: 1, seed, label: 0, temperature: 0.7 });
        expect(float32s(row), `${method}, seed ${seed}`).toEqual([...sample.data]);
      }
    }
  });

  it('goes straight or along a great circle between codes', async () => {
    const ends = { from: { latent: [2, 0, 0] }, to: { latent: [0, 2, 0] }, steps: 3 };
    const half = Math.fround(Math.SQRT2);
    for (const [method, middle] of [
      ['linear', [0.5, 0.5, 0]],
      ['spherical', [half / 2, half / 2, 0]],
    ] as const) {
      const { data } = await json(await server.post(path, { ...ends, method }));
      const rows = data as number[][];
      expect(rows[0]).toEqual([1, 0, 0]);
      expect(rows[2]).toEqual([0, 1, 0]);
      // Two roundings to single precision.
      middle.forEach((value, i) => {
        expect(rows[1]![i]).toBeCloseTo(value, 6);
      });
    }
  });

  it('wants two ends of a kind', async () => {
    const mixed = await server.post(path, { from: 1, to: { latent: [0, 0, 0] } });
    expect([mixed.status, await mixed.json()]).toEqual([
      400,
      { error: 'to: expected a point of the kind of from: both seeds, or both latents' },
    ]);
  });
});

describe('what there is', () => {
  it('lists models with what each can do', async () => {
    const { models } = (await json(await server.fetch('/v1/models'))) as { models: object[] };
    expect(models.map((model) => (model as { can: string[] }).can)).toEqual([
      ['samples', 'logprob', 'encode', 'decode', 'interpolate'],
      ['samples', 'logprob', 'interpolate'],
      ['encode'],
    ]);
  });

  it('describes one', async () => {
    const model = await json(await server.fetch('/v1/models/points?version=1'));
    expect(model).toMatchObject({
      name: 'points',
      versions: ['1'],
      title: 'test-points',
      classes: 2,
      class_names: ['origin', 'far'],
      formats: ['json', 'npy'],
      scalars: { temperature: { programs: ['sample'], default: 1, min: 0, max: 2 } },
      provenance: { seed: 1, steps: 10 },
      parity: null,
    });
    expect(Object.keys(model.programs as object)).toEqual(['sample', 'encode', 'decode', 'logProb']);
    expect(model).toMatchObject({
      programs: {
        sample: { inputs: { z: { role: 'noise', dtype: 'float32', shape: [3], law: 'normal' } } },
      },
    });
  });
});

describe('bad requests', () => {
  const cases: [string, string, unknown, number, string | RegExp][] = [
    ['no such model', '/v1/models/none/samples', {}, 404, "there is no model 'none'"],
    ['no such version', `${samples}?version=9`, {}, 404, "there is no model 'points'"],
    ['no such program', '/v1/models/coder/samples', {}, 400, /has no program 'sample' \(it has: encode\)/],
    ['an unknown field', samples, { cout: 3 }, 400, /^cout: neither a field .* \(it has: temperature\)$/],
    ['a scalar out of range', samples, { temperature: 3 }, 400, /expected a number from 0 to 2, got 3/],
    [
      'a scalar that is a text',
      samples,
      { temperature: 'hot' },
      400,
      'temperature: expected number, got "hot"',
    ],
    ['count of 0', samples, { count: 0 }, 400, 'count: expected number to be >=1, got 0'],
    ['count of a half', samples, { count: 1.5 }, 400, 'count: expected int, got 1.5'],
    ['a huge count', samples, { count: 1e9 }, 400, 'count: expected number to be <=1024, got 1000000000'],
    ['a negative seed', samples, { seed: -1 }, 400, 'seed: expected number to be >=0, got -1'],
    ['a seed that is no number', samples, { seed: 'ten' }, 400, /^seed: expected/],
    ['half a surrogate for a seed', samples, { seed: '\ud800' }, 400, /^seed: expected/],
    ['an empty seed', samples, { seed: '' }, 400, /^seed: expected/],
    ['a seed too large', samples, { seed: '18446744073709551616' }, 400, /^seed: expected a seed of at most/],
    ['a class there is not', samples, { label: 2 }, 400, 'label: expected a class from 0 to 1, got 2'],
    ['too few classes', samples, { count: 3, label: [0] }, 400, /^label: expected 3 classes/],
    ['a list', samples, [1], 400, 'the body: expected object, got a list of 1'],
    ['an unknown query', `${samples}?colour=red`, {}, 400, /^query: .*colour/],
    ['a query that is no number', `${samples}?columns=many`, {}, 400, /^query.columns: expected number/],
    [
      'data of another shape',
      '/v1/models/points/encode',
      { data: [[1, 2]] },
      400,
      'data[0]: expected a list of 3, got a list of 2',
    ],
    [
      'ragged data',
      '/v1/models/points/encode',
      { data: [[1, 2, 3], [1]] },
      400,
      /^data\[1\]: expected a list of 3/,
    ],
    [
      'data that is no number',
      '/v1/models/points/encode',
      { data: [[1, 'x', 3]] },
      400,
      /^data: expected finite numbers .*, got "x"$/,
    ],
    [
      'a number beyond single precision',
      '/v1/models/points/encode',
      { data: [[1, 1e39, 3]] },
      400,
      /got 1e\+39$/,
    ],
    [
      'null for data',
      '/v1/models/points/encode',
      { data: null },
      400,
      'data: expected a list of [3] values, got null',
    ],
    ['no data', '/v1/models/points/encode', {}, 400, 'data: expected a value, got nothing'],
    ['nothing to decode', '/v1/models/coder/decode', { latent: [[1, 2, 3]] }, 400, /has no program 'decode'/],
    [
      'no density',
      '/v1/models/coder/logprob',
      { data: [[1, 2, 3]] },
      400,
      'model coder (test) has no density to evaluate',
    ],
    [
      'more draws than rows',
      '/v1/models/bound/logprob',
      { data: [[1, 2, 3]], samples: 1025 },
      400,
      /^samples: 1 examples with 1025 draws/,
    ],
    [
      'completing what cannot be',
      '/v1/models/points/complete',
      { given: [[1, 2, 3]] },
      400,
      /has no program 'complete'/,
    ],
  ];
  it.each(cases)('%s', async (_name, path, body, status, message) => {
    const response = await server.post(path, body);
    const { error } = (await response.json()) as { error: string };
    expect([response.status, error]).toEqual([
      status,
      typeof message === 'string' ? message : expect.stringMatching(message),
    ]);
    expect(response.headers.get('Content-Type')).toBe('application/json; charset=utf-8');
  });

  it('names like those of Object are no models, fields or programs', async () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect((await server.fetch(`/v1/models/${name}`)).status).toBe(404);
      const body = `{${JSON.stringify(name)}: 1}`;
      const headers = { 'Content-Type': 'application/json' };
      const response = await server.fetch(samples, { method: 'POST', body, headers });
      expect([name, response.status < 500]).toEqual([name, true]);
    }
  });
});
