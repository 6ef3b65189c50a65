import { packBundle, tf } from '@generatrix/export';
import {
  createExecutor,
  createSampler,
  hostTensor,
  openBundle,
  type Sampler,
  type StreamPart,
  type StreamRequest,
  UserError,
} from '@generatrix/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initialState } from '../../engine/initial-state.ts';
import { toTensor } from '../../engine/tfjs-engine.ts';
import { bindState } from '../../run/export-run.ts';
import { familyCases } from '../../testing/cases.ts';
import type { FamilyCase } from '../../testing/family-case.ts';
import { describeData, firstExamples } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';

/** A sampler of a case's model with weights large enough that what was drawn before decides what is drawn next. */
async function samplerOf({ name, family, options, dataset }: FamilyCase): Promise<Sampler> {
  const data = describeData(dataset);
  const { model } = buildModel(familyNamed(family), options, data, { ema: 0 });
  const specs = Object.entries(model.state).map(([key, spec]) => [
    key,
    spec.kind === 'slot' ? spec : { ...spec, initial: { distribution: 'normal', scale: 0.6 } },
  ]);
  const state = initialState({ ...model, state: Object.fromEntries(specs) }, 5);
  const tensors = Object.fromEntries(Object.entries(state).map(([key, x]) => [key, toTensor(x)]));
  const files = await packBundle({
    about: {
      name,
      family,
      options: {},
      data: { ...data.spec, name: 'tiny', classNames: [...data.classNames] },
      provenance: { seed: 5, dataset: 'tiny', steps: 0, engine: 'none', metrics: {}, generatrixVersion: '0' },
    },
    programs: bindState(model, tensors),
    formats: ['onnx'],
    examples: await firstExamples(dataset, 2),
  });
  tf.dispose(tensors);
  const source = { describe: () => 'memory', read: async (path: string) => files[path]! };
  return createSampler(await openBundle(source), await createExecutor('cpu'));
}

async function parts(sampler: Sampler, request: StreamRequest): Promise<StreamPart[]> {
  const all: StreamPart[] = [];
  for await (const part of sampler.stream(request)) all.push(part);
  return all;
}

/** The parts put together, value by value, apart from the sampler's own way. */
function joined(all: readonly StreamPart[]): number[] {
  const [{ data }] = all as [StreamPart];
  return Array.from({ length: data.shape[0]! }, (_, i) =>
    all.flatMap((part) => {
      const size = part.data.data.length / data.shape[0]!;
      return [...part.data.data.subarray(i * size, (i + 1) * size)];
    }),
  ).flat();
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const streaming = familyCases.filter(({ family }) =>
  ['pixelcnn', 'pixelrnn', 'transformer', 'wavenet'].includes(family),
);

describe.each(streaming)('$name', (familyCase) => {
  const { dataset } = familyCase;
  const [length] = dataset.spec.shape as [number];
  const conditional = familyCase.options.conditional === true;
  let sampler: Sampler;
  beforeAll(async () => {
    sampler = await samplerOf(familyCase);
  });
  afterAll(() => sampler.release());

  it.each([
    { count: 1, seed: 1, temperature: 1 },
    { count: 5, seed: 1, temperature: 0.5, batchSize: 2 },
    { count: 6, seed: 2 ** 40, temperature: 2, firstIndex: 3 },
  ])('streams what it samples, bit for bit: $count at temperature $temperature', async (request) => {
    for (const label of conditional ? [{}, { label: 1 }] : [{}]) {
      const sampled = await sampler.sample({ ...request, ...label });
      const all = await parts(sampler, { ...request, ...label });
      expect(all.length).toBeGreaterThan(2);
      expect(all.map(({ index, chunks }) => [index, chunks])).toEqual(all.map((_, i) => [i, all.length]));
      const lengths = all.map(({ data }) => data.shape[1]!);
      expect(all.map(({ start }) => start)).toEqual(
        lengths.map((_, i) => lengths.slice(0, i).reduce((a, b) => a + b, 0)),
      );
      expect(lengths.reduce((a, b) => a + b, 0)).toBe(length);
      expect(joined(all)).toEqual([...sampled.data.data]);
      expect(all.at(-1)!.soFar).toEqual(sampled.data);
    }
  });

  it('what was drawn before decides what comes next, so the carries matter', async () => {
    const request = { seed: 1, firstIndex: 0, count: 8 };
    const first = (await sampler.sample({ ...request })).data;
    const { inputs, stream } = sampler.manifest.programs.advance!;
    const { shape } = Object.values(inputs).find(({ role }) => role === 'data')!;
    const data = hostTensor('float32', [8, ...shape], new Float32Array(8 * shape.reduce((a, b) => a * b, 1)));
    const second = await sampler.run('advance', { ...request, data, chunk: { index: 1, of: 'sample' } });
    const size = data.data.length / 8;
    const whole = first.data.length / 8;
    const expected = [...first.data].filter((_, i) => Math.floor((i % whole) / size) === 1);
    expect(stream!.chunks).toBeGreaterThan(1);
    expect([...second.data!.data].slice(0, expected.length)).not.toEqual(expected);
  });

  it('streams a completion: the given beginning, then what `complete` draws', async () => {
    const data = await firstExamples(dataset, 4);
    const label = conditional ? { label: Int32Array.of(0, 1, 1, 0) } : {};
    const middle = Math.floor(length / 2) + 1;
    const drawn = new Set<string>();
    for (const known of [0, 1, middle, length]) {
      const completed = await sampler.complete({ data, known, seed: 9, ...label });
      const all = await parts(sampler, { count: 4, seed: 9, given: { data, known }, ...label });
      expect(joined(all)).toEqual([...completed.data.data]);
      drawn.add(joined(all).join());
    }
    expect(drawn.size).toBe(4);
  });

  it('ends when its signal says so, and when the loop is left', async () => {
    const stop = new AbortController();
    const seen: number[] = [];
    const drain = async () => {
      for await (const { index } of sampler.stream({ count: 1, seed: 1, signal: stop.signal })) {
        seen.push(index);
        if (index === 1) stop.abort(new Error('enough'));
      }
    };
    await expect(drain()).rejects.toThrow('enough');
    expect(seen).toEqual([0, 1]);
    for await (const { index } of sampler.stream({ count: 1, seed: 1 })) if (index === 1) break;
    expect((await sampler.sample({ count: 1, seed: 1 })).data.shape[0]).toBe(1);
  });

  it('refuses what makes no sense, in a line', async () => {
    const data = await firstExamples(dataset, 2);
    const drain = (request: StreamRequest) => parts(sampler, request);
    const label = conditional ? { label: 0 } : {};
    const refused: [Promise<unknown>, RegExp][] = [
      [drain({ count: 0 }), /count: expected a whole number from 1, got 0/],
      [drain({ count: 2, temperature: 0 }), /'temperature': expected a number from 0.01 to 10, got 0/],
      [drain({ count: 2, temprature: 1 }), /no scalar 'temprature'/],
      [drain({ count: 2, known: 1 }), /given: \{ data, known \}/],
      [drain({ count: 2, label: 7 }), /label/],
      [drain({ count: 3, given: { data, known: 1 }, ...label }), /given data: expected float32 \[3,/],
      [drain({ count: 2, given: { data, known: length + 1 }, ...label }), /known: expected a whole number/],
      [sampler.complete({ data, known: -1, ...label }), /known: expected 0 to \d+ (rows|samples), got -1/],
      [sampler.complete({ data, known: 1.5, ...label }), /got 1\.5/],
    ];
    if (conditional) {
      refused.push([sampler.complete({ data, known: 1 }), /program complete of .* needs a label, 0 to/]);
      refused.push([drain({ count: 2, given: { data, known: 1 } }), /needs a label/]);
    }
    for (const [promise, message] of refused) {
      await expect(promise).rejects.toThrow(message);
      await expect(promise).rejects.toBeInstanceOf(UserError);
    }
  });

  it('refuses carries of another shape or name', async () => {
    const { inputs } = sampler.manifest.programs.advance!;
    const [name, carry] = Object.entries(inputs).find(([, { role }]) => role === 'carry')!;
    const { shape } = Object.values(inputs).find(({ role }) => role === 'data')!;
    const data = hostTensor('float32', [2, ...shape], new Float32Array(2 * shape.reduce((a, b) => a * b, 1)));
    const run = (carries: Record<string, ReturnType<typeof hostTensor>>) =>
      sampler.run('advance', { seed: 1, firstIndex: 0, count: 2, data, carries });
    const short = hostTensor(
      'float32',
      [1, ...carry.shape],
      new Float32Array(carry.shape.reduce((a, b) => a * b, 1)),
    );
    await expect(run({ [name]: short })).rejects.toThrow(/expected carry float32 \[2,/);
    await expect(run({ [name]: short })).rejects.toBeInstanceOf(UserError);
    await expect(run({ other: short })).rejects.toThrow(/program advance has no carry 'other' \(it has: /);
  });
});

it.each(familyCases.filter(({ name }) => name.startsWith('nice, points') || name === 'made, mixture'))(
  '$name cannot stream or complete, and says so',
  async (familyCase) => {
    const sampler = await samplerOf(familyCase);
    await expect(parts(sampler, { count: 1 })).rejects.toThrow(
      /cannot stream: it draws a sample in one piece/,
    );
    const data = await firstExamples(familyCase.dataset, 1);
    await expect(sampler.complete({ data, known: 1 })).rejects.toThrow(/cannot complete/);
    await expect(sampler.complete({ data, known: 1 })).rejects.toBeInstanceOf(UserError);
    await sampler.release();
  },
);
