import { type NamedTensors, tf } from '@generatrix/export';
import { fillNoise, type HostTensor, sizeOf } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Trainer } from '../../engine/engine.ts';
import { initialState } from '../../engine/initial-state.ts';
import { onnxEngine } from '../../engine/onnx-engine.ts';
import type { Model } from '../../model/model.ts';
import type { HostState } from '../../model/state.ts';
import { runCompiled } from '../../testing/run-compiled.ts';
import { describeData, tinyImages } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';

const models: [string, string, Record<string, unknown>][] = [
  ['nade', 'nade', { hidden: 7 }],
  ['made', 'made', { hidden: [30] }],
  ['made of three layers', 'made', { hidden: [14, 11, 12], direct: false }],
  ['pixelcnn', 'pixelcnn', { layers: 2, filters: 5, firstKernel: 3, headFilters: 6 }],
  ['pixelrnn', 'pixelrnn', { layers: 2, filters: 5, units: 4, firstKernel: 3, headFilters: 6 }],
  ['transformer', 'transformer', { blocks: 1, width: 5, heads: 1, hidden: 4, firstKernel: 3 }],
  ['made of random orders', 'made', { hidden: [16, 16], order: 'random', masks: 3 }],
];

function modelOf(family: string, options: Record<string, unknown>, shape: [number, number, number]): Model {
  return buildModel(familyNamed(family), { ...options, averaging: 0 }, describeData(tinyImages(2, shape)))
    .model;
}

/** Weights large enough that conditionals are far from a fair coin, and biases too. */
function stateOf(model: Model): HostState {
  const specs = Object.entries(model.state).map(([name, spec]) => [
    name,
    spec.kind === 'slot' ? spec : { ...spec, initial: { distribution: 'normal', scale: 0.9 } },
  ]);
  return initialState({ ...model, state: Object.fromEntries(specs) }, 6);
}

const tensors = (state: Readonly<Record<string, HostTensor>>): NamedTensors =>
  Object.fromEntries(
    Object.entries(state).map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  );

/** Every binary image of the shape: [2^D, ...shape]. */
function allImages(shape: readonly number[]): tf.Tensor {
  const size = sizeOf(shape);
  const count = 2 ** size;
  const bits = Float32Array.from(
    { length: count * size },
    (_, i) => (Math.floor(i / size) >> (i % size)) & 1,
  );
  return tf.tensor(bits, [count, ...shape]);
}

/** Exact log-probabilities of binary images; the noise does not matter, since 0 and 1 stay what they are. */
async function logProbs(model: Model, state: NamedTensors, data: tf.Tensor): Promise<Float32Array> {
  const inputs = { data, uniform: tf.fill(data.shape, 0.5) };
  const { logProb } = await runCompiled((own) => model.programs.logProb!.run(state, own), inputs);
  return logProb!.data as Float32Array;
}

function drawNoise(model: Model, program: string, count: number): Record<string, HostTensor> {
  const inputs = Object.entries(model.programs[program]!.signature.inputs);
  const noise = inputs.flatMap(([name, spec]) => {
    if (spec.role !== 'noise') return [];
    const { distribution, shape } = spec;
    const data = fillNoise({ distribution, seed: 4, stream: name, firstIndex: 0, count, shape });
    return [[name, { dtype: 'float32', shape: [count, ...shape], data }] as const];
  });
  return Object.fromEntries(noise);
}

const scalar = (value: number): HostTensor => ({ dtype: 'float32', shape: [], data: Float32Array.of(value) });

function runEagerly(
  model: Model,
  program: string,
  state: NamedTensors,
  inputs: Record<string, HostTensor>,
): Float32Array {
  return tf.tidy(() => {
    const own = Object.entries(inputs).map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]);
    const outputs = model.programs[program]!.run(state, Object.fromEntries(own) as NamedTensors);
    return outputs.data!.dataSync() as Float32Array;
  });
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each(models)('%s', (_, family, options) => {
  it('gives all 2^9 images probabilities that add up to 1', async () => {
    const model = modelOf(family, options, [3, 3, 1]);
    const values = await logProbs(model, tensors(stateOf(model)), allImages([3, 3, 1]));
    const total = values.reduce((sum, value) => sum + Math.exp(value), 0);
    // Each of 512 log-probabilities is off by some 1e-6.
    expect(total).toBeCloseTo(1, 5);
    expect(Math.max(...values)).toBeLessThan(0);
  });

  it('scores grey images as the noise binarises them', () => {
    const model = modelOf(family, options, [2, 2, 1]);
    const state = tensors(stateOf(model));
    const score = (data: number[], uniform: number[]) =>
      model.programs
        .logProb!.run(state, {
          data: tf.tensor4d(data, [1, 2, 2, 1]),
          uniform: tf.tensor4d(uniform, [1, 2, 2, 1]),
        })
        .logProb!.dataSync()[0];
    expect(score([0.3, 0.7, 0.5, 0.1], [0.2, 0.8, 0.4, 0.6])).toBe(score([1, 0, 1, 0], [0.5, 0.5, 0.5, 0.5]));
  });

  it('samples as often as the probabilities say', async () => {
    const shape: [number, number, number] = [3, 2, 1];
    const model = modelOf(family, options, shape);
    const state = tensors(stateOf(model));
    const probabilities = (await logProbs(model, state, allImages(shape))).map(Math.exp);
    const count = 6_000;
    const { data } = await runCompiled(
      (noise) => model.programs.sample!.run(state, { ...noise, temperature: tf.scalar(1) }),
      tensors(drawNoise(model, 'sample', count)),
    );
    const samples = data!.data;
    const observed = new Array<number>(64).fill(0);
    for (let i = 0; i < count; i++) {
      let index = 0;
      for (let d = 0; d < 6; d++) index |= samples[i * 6 + d]! << d;
      observed[index]!++;
    }
    // Pearson's statistic; cells expected fewer than 10 times are pooled. Its mean is the degrees of freedom and its
    // standard deviation the root of twice that; five of these above is one chance in a million.
    let [statistic, freedom, rareSeen, rareExpected] = [0, -1, 0, 0];
    for (const [i, p] of probabilities.entries()) {
      const expected = p * count;
      if (expected < 10) {
        rareSeen += observed[i]!;
        rareExpected += expected;
        continue;
      }
      statistic += (observed[i]! - expected) ** 2 / expected;
      freedom++;
    }
    if (rareExpected > 0) statistic += (rareSeen - rareExpected) ** 2 / rareExpected;
    expect(freedom).toBeGreaterThan(5);
    expect(statistic).toBeLessThan(freedom + 1 + 5 * Math.sqrt(2 * (freedom + 1)));
  });

  it('a compiled sample is the eager one, bit for bit, at several temperatures', async () => {
    const model = modelOf(family, options, [4, 4, 1]);
    const state = stateOf(model);
    const trainer: Trainer = await onnxEngine('cpu').prepare(model, { batchSize: 2, dataShape: [4, 4, 1] });
    await trainer.setState(state);
    const noise = drawNoise(model, 'sample', 50);
    const seen = new Set<string>();
    for (const temperature of [0.2, 1, 5]) {
      const inputs = { ...noise, temperature: scalar(temperature) };
      const compiled = (await trainer.run('sample', inputs)).data!.data;
      expect([...compiled]).toEqual([...runEagerly(model, 'sample', tensors(state), inputs)]);
      seen.add(compiled.join(''));
    }
    expect(seen.size).toBe(3);
    await trainer.release();
  });
});

const inOrder = models.filter(([, , options]) => options.order !== 'random');

describe.each(inOrder)('%s in the natural order', (_, family, options) => {
  const shape: [number, number, number] = [4, 3, 1];
  const size = 12;
  const model = modelOf(family, options, shape);
  const count = 40;
  const state = tensors(stateOf(model));
  let conditional: (prefix: readonly number[]) => number;
  beforeAll(async () => {
    conditional = conditionals((await logProbs(model, state, allImages(shape))).map(Math.exp));
  });

  /** p(x_d = 1 | x_<d) from the joint probabilities of images alone, summing over everything later. */
  function conditionals(probabilities: Float32Array): (prefix: readonly number[]) => number {
    return (prefix) => {
      const mass = [0, 0];
      for (const [image, p] of probabilities.entries()) {
        if (prefix.every((bit, d) => ((image >> d) & 1) === bit)) mass[(image >> prefix.length) & 1]! += p;
      }
      return mass[1]! / (mass[0]! + mass[1]!);
    };
  }

  it('cached sampling is the naive one bit for bit: each dimension drawn from the joint distribution worked out anew', () => {
    const noise = drawNoise(model, 'sample', count);
    const samples = runEagerly(model, 'sample', state, { ...noise, temperature: scalar(1) });
    for (let i = 0; i < count; i++) {
      const naive: number[] = [];
      for (let d = 0; d < size; d++) {
        naive.push(noise.uniform!.data[i * size + d]! < conditional(naive) ? 1 : 0);
      }
      expect([...samples.subarray(i * size, (i + 1) * size)]).toEqual(naive);
    }
  });

  it('completes: keeps the rows given, draws the rest given them', () => {
    const { binarisation: _, ...noise } = drawNoise(model, 'complete', count);
    const given = drawNoise(model, 'sample', count).uniform!.data.map((u) => Number(u > 0.3));
    const complete = (rows: number) =>
      runEagerly(model, 'complete', state, {
        ...noise,
        binarisation: {
          dtype: 'float32',
          shape: [count, ...shape],
          data: new Float32Array(count * size).fill(0.5),
        },
        given: { dtype: 'float32', shape: [count, ...shape], data: Float32Array.from(given) },
        rows: scalar(rows),
        temperature: scalar(1),
      });
    for (const rows of [0, 2, 4]) {
      const completed = complete(rows);
      for (let i = 0; i < count; i++) {
        const naive = [...given.subarray(i * size, i * size + rows * 3)];
        while (naive.length < size) {
          naive.push(noise.uniform!.data[i * size + naive.length]! < conditional(naive) ? 1 : 0);
        }
        expect([...completed.subarray(i * size, (i + 1) * size)]).toEqual(naive);
      }
    }
  });
});
