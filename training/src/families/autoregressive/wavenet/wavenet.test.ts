import { type NamedTensors, tf } from '@generatrix/export';
import { fillNoise, type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { initialState } from '../../../engine/initial-state.ts';
import { onnxEngine } from '../../../engine/onnx-engine.ts';
import type { Model } from '../../../model/model.ts';
import type { HostState } from '../../../model/state.ts';
import { compiled } from '../../../testing/run-compiled.ts';
import { describeData, tinyImages, tinySounds } from '../../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../../registry.ts';
import { dilationsOf, receptiveField, type WavenetNetwork, wavenetForward } from './wavenet-network.ts';
import { logisticOutput, muLawOutput } from './wavenet-output.ts';

const tiny = { filters: 4, skipFilters: 5, averaging: 0 };
/** Delays all shorter than a block, at and beyond one, and beyond the clip. */
const sizes = [
  ['two stacks of three', { layers: 3, stacks: 2 }, 29],
  ['one stack of six', { layers: 6, stacks: 1 }, 45],
  ['two stacks of five', { layers: 5, stacks: 2 }, 70],
  ['delays longer than the clip', { layers: 5, stacks: 1 }, 9],
  ['one layer', { layers: 1, stacks: 1 }, 12],
] as const;

function modelOf(options: Record<string, unknown>, time: number): Model {
  return buildModel(familyNamed('wavenet'), { ...tiny, ...options }, describeData(tinySounds(4, time))).model;
}

/** Weights large enough that conditionals are far from uniform; units past the layers are off their dead zone. */
function stateOf(model: Model): HostState {
  const specs = Object.entries(model.state).map(([name, spec]) => {
    if (spec.kind === 'slot') return [name, spec];
    if (name === 'skip/bias' || name === 'output/0/bias') return [name, { ...spec, initial: 1.5 }];
    const scale = name === 'output/1/kernel' ? 0.3 : name === 'skip/kernel' ? 0.4 : 0.7;
    return [name, { ...spec, initial: { distribution: 'normal', scale } }];
  });
  return initialState({ ...model, state: Object.fromEntries(specs) }, 6);
}

const tensors = (state: HostState): NamedTensors =>
  Object.fromEntries(
    Object.entries(state).map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  );

function networkOf(model: Model, dilations: number[], levels: number, classes = 0): WavenetNetwork {
  const { filters, skipFilters } = tiny;
  expect(Object.keys(model.state).filter((name) => /^layer\d+\/kernel$/.test(name))).toHaveLength(
    dilations.length,
  );
  return { output: muLawOutput(levels), dilations, filters, skipFilters, classes };
}

const uniformNoise = (count: number, time: number, stream = 'u') =>
  fillNoise({ distribution: 'uniform', seed: 4, stream, firstIndex: 0, count, shape: [time] });

/** The mu-law's values, from its closed form in double precision. */
function binValue(index: number, levels: number): number {
  const mu = levels - 1;
  const y = (2 * index) / mu - 1;
  return (Math.sign(y) * (levels ** Math.abs(y) - 1)) / mu;
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each(sizes)('causality: %s', (_, size, time) => {
  it('a sample changes the conditionals after it, as far as the receptive field says, and no others', () => {
    const levels = 7;
    const model = modelOf({ ...size, levels }, time);
    const dilations = dilationsOf(size.layers, size.stacks);
    const network = networkOf(model, dilations, levels);
    const state = tensors(stateOf(model));
    const field = receptiveField(dilations);
    expect(field).toBe(2 + size.stacks * (2 ** size.layers - 1));
    const base = [...uniformNoise(1, time)].map((u) => Math.floor(u * levels));
    const logits = (index: number[]) =>
      tf.tidy(() => wavenetForward(network, state, tf.tensor2d(index, [time, 1]), undefined).arraySync());
    const before = logits(base);
    let farthest = 0;
    for (let i = 0; i < time; i++) {
      const after = logits(base.map((value, t) => (t === i ? (value + 3) % levels : value)));
      const changed = after.map((row, t) => row.some((value, k) => value !== before[t]![k]));
      const reached = [...changed.keys()].filter((t) => changed[t]);
      expect(Math.min(...reached, time), `first after ${i}`).toBe(i + 1);
      farthest = Math.max(farthest, ...reached.map((t) => t - i));
    }
    // The farthest is reached by one path through every layer, which for some samples is too weak to see.
    expect(farthest).toBe(Math.min(field, time - 1));
  });
});

describe('logProb', () => {
  it.each([
    ['unconditional', { layers: 2, stacks: 1 }],
    ['conditional', { layers: 1, stacks: 2, conditional: true }],
    ['with delays beyond the clip', { layers: 3, stacks: 1 }],
  ])('probabilities of all 3^4 clips add up to 1, %s', (_, size) => {
    const [levels, time] = [3, 4];
    const model = modelOf({ ...size, levels }, time);
    const state = tensors(stateOf(model));
    const count = levels ** time;
    const clips = Float32Array.from({ length: count * time }, (_, i) =>
      binValue(Math.floor(Math.floor(i / time) / levels ** (i % time)) % levels, levels),
    );
    const totals = [0, 1].map((label) => {
      const inputs = { data: tf.tensor2d(clips, [count, time]), label: tf.fill([count], label, 'int32') };
      const values = model.programs.logProb!.run(state, inputs).logProb!.dataSync() as Float32Array;
      expect(Math.max(...values)).toBeLessThan(0);
      return { total: values.reduce((sum, value) => sum + Math.exp(value), 0), first: values[0]! };
    });
    // 81 log-probabilities, each off by some 1e-6.
    for (const { total } of totals) expect(total).toBeCloseTo(1, 5);
    if ('conditional' in size) expect(totals[0]!.first).not.toBe(totals[1]!.first);
    else expect(totals[0]!.first).toBe(totals[1]!.first);
  });

  it('is that of the bin: samples of one bin score alike, those of another do not', () => {
    const model = modelOf({ layers: 2, stacks: 1, levels: 4 }, 2);
    const state = tensors(stateOf(model));
    const score = (data: number[]) =>
      model.programs.logProb!.run(state, { data: tf.tensor2d([data]) }).logProb!.dataSync()[0];
    // With mu = 3 the bins meet at (2^(4/3) - 1) / 3 = 0.507 and at 0.
    expect(score([0.1, 0.2])).toBe(score([0.5, 0.05]));
    expect(score([0.1, 0.2])).not.toBe(score([0.52, 0.2]));
    expect(score([0.1, 0.2])).not.toBe(score([-0.1, 0.2]));
  });
});

describe('logistic output', () => {
  it('gives all 5^3 clips of even levels probabilities that add up to 1, and clips of one level the same', () => {
    const [levels, time] = [5, 3];
    const model = modelOf({ layers: 2, stacks: 1, output: 'logistic', components: 2, levels }, time);
    const state = tensors(stateOf(model));
    const count = levels ** time;
    const clips = Float32Array.from(
      { length: count * time },
      (_, i) => (Math.floor(Math.floor(i / time) / levels ** (i % time)) % levels) / 2 - 1,
    );
    const score = (data: Float32Array | number[], rows: number) =>
      model.programs.logProb!.run(state, { data: tf.tensor2d(data, [rows, time]) }).logProb!.dataSync();
    const values = score(clips, count) as Float32Array;
    expect(values.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 5);
    expect(score([0.2, -0.7, 1], 1)).toEqual(score([0, -0.5, 0.8], 1));
    expect(score([0.2, -0.7, 1], 1)).not.toEqual(score([0.3, -0.7, 1], 1));
  });

  it.each(sizes)('a sample changes only the distributions after it: %s', (_, size, time) => {
    const model = modelOf({ ...size, output: 'logistic', components: 2, levels: 17 }, time);
    const dilations = dilationsOf(size.layers, size.stacks);
    const network = { ...networkOf(model, dilations, 17), output: logisticOutput(17, 2) };
    const state = tensors(stateOf(model));
    const base = [...uniformNoise(1, time)].map((u) => Math.floor(u * 17));
    const distributions = (index: number[]) =>
      tf.tidy(() => wavenetForward(network, state, tf.tensor2d(index, [time, 1]), undefined).arraySync());
    const before = distributions(base);
    for (let i = 0; i < time; i++) {
      const after = distributions(base.map((value, t) => (t === i ? (value + 8) % 17 : value)));
      const changed = after.findIndex((row, t) => row.some((value, k) => value !== before[t]![k]));
      expect(changed === -1 ? time : changed, `first after ${i}`).toBe(i + 1);
    }
  });

  it.each(sizes)(
    'draws what the whole net, worked out anew for every sample, draws: %s',
    async (_, size, time) => {
      const [levels, count] = [64, 3];
      const model = modelOf({ ...size, output: 'logistic', components: 2, levels, conditional: true }, time);
      const dilations = dilationsOf(size.layers, size.stacks);
      const output = logisticOutput(levels, 2);
      const network = { ...networkOf(model, dilations, levels, 2), output };
      const state = tensors(stateOf(model));
      const label = [0, 1, 1];
      const net = await compiledNet(network, state, [time, count], label);
      const noise = {
        uniform: tf.tensor2d(uniformNoise(count, time), [count, time]),
        component: tf.tensor2d(uniformNoise(count, time, 'component'), [count, time]),
      };
      const temperature = tf.scalar(0.7);
      const naive: number[][] = Array.from({ length: time }, () => new Array<number>(count).fill(0));
      for (let t = 0; t < time; t++) {
        const { logits } = await net.run({ x: hostTensor('float32', [time, count], naive.flat()) });
        naive[t] = tf.tidy(() => {
          const all = tf.tensor2d(logits!.data as Float32Array, logits!.shape as [number, number]);
          const distributions = tf.slice(all, [t * count, 0], [count, -1]) as tf.Tensor2D;
          const at = (x: tf.Tensor) => tf.reshape(tf.slice(x, [0, t], [-1, 1]), [-1]);
          const own = { uniform: at(noise.uniform), component: at(noise.component) };
          return output.draw(distributions, own, temperature).arraySync() as number[];
        });
      }
      await net.release();
      const classes = tf.tensor1d(label, 'int32');
      const { data } = model.programs.sample!.run(state, { ...noise, label: classes, temperature });
      const drawn = output.index(data!).arraySync() as number[][];
      // The same levels, since what differs by rounding is rounded to one of 64.
      expect(drawn).toEqual(Array.from({ length: count }, (_, i) => naive.map((row) => row[i]!)));
      expect(new Set(drawn.flat()).size).toBeGreaterThan(3);
    },
  );
});

/** What the whole net says of every sample of some clips, [time, count] levels to [time * count, levels], compiled. */
function compiledNet(
  network: WavenetNetwork,
  state: NamedTensors,
  [time, count]: readonly [number, number],
  label?: number[],
) {
  const classes = label === undefined ? undefined : tf.tensor1d(label, 'int32');
  return compiled(({ x }) => ({ logits: wavenetForward(network, state, x as tf.Tensor2D, classes) }), {
    x: { dtype: 'float32', shape: [time, count] },
  });
}

/** Sampling as the equations say: the whole net anew for every sample, its draw by inversion in double precision. */
async function naiveDraw(
  network: WavenetNetwork,
  state: NamedTensors,
  request: {
    uniform: Float32Array;
    count: number;
    temperature: number;
    label?: number[];
    given?: number[][];
  },
): Promise<number[][]> {
  const { uniform, count, temperature, label, given } = request;
  const time = uniform.length / count;
  const net = await compiledNet(network, state, [time, count], label);
  const drawn = Array.from({ length: count }, (_, i) => [...(given?.[i] ?? [])]);
  for (let t = drawn[0]!.length; t < time; t++) {
    const columns = Array.from(
      { length: time * count },
      (_, i) => drawn[i % count]![Math.floor(i / count)] ?? 0,
    );
    const { logits } = await net.run({ x: hostTensor('float32', [time, count], columns) });
    const levels = logits!.shape[1]!;
    for (let i = 0; i < count; i++) {
      const from = (t * count + i) * levels;
      const row = Array.from(logits!.data.subarray(from, from + levels));
      const weights = row.map((value) => Math.exp((value - Math.max(...row)) / temperature));
      let mass = uniform[i * time + t]! * weights.reduce((a, b) => a + b, 0);
      let k = 0;
      while (k + 1 < weights.length && mass >= weights[k]!) mass -= weights[k++]!;
      drawn[i]!.push(k);
    }
  }
  await net.release();
  return drawn;
}

describe.each(sizes)('sampling: %s', (_, size, time) => {
  it.each([[false], [true]])(
    'cached is naive, and compiled is eager, conditional %s',
    async (conditional) => {
      const [levels, count] = [6, 4];
      const model = modelOf({ ...size, levels, conditional }, time);
      const host = stateOf(model);
      const state = tensors(host);
      const network = networkOf(model, dilationsOf(size.layers, size.stacks), levels, conditional ? 2 : 0);
      const label = [0, 1, 1, 0];
      const uniform = uniformNoise(count, time);
      const noise: Record<string, HostTensor> = {
        uniform: hostTensor('float32', [count, time], uniform),
        ...(conditional ? { label: hostTensor('int32', [count], label) } : {}),
      };
      const trainer = await onnxEngine('cpu').prepare(model, { batchSize: 2, dataShape: [time] });
      await trainer.setState(host);
      const run = async (program: string, inputs: Record<string, HostTensor>) => {
        const drawn = (await trainer.run(program, inputs)).data!.data;
        const eager = tf.tidy(() => {
          const own = Object.entries(inputs).map(([name, { data, shape, dtype }]) => [
            name,
            tf.tensor(data, [...shape], dtype as 'float32'),
          ]);
          return model.programs[program]!.run(
            state,
            Object.fromEntries(own) as NamedTensors,
          ).data!.dataSync();
        });
        return [drawn, eager];
      };
      const labels = conditional ? { label } : {};
      for (const temperature of [1, 0.3]) {
        const scalar = hostTensor('float32', [], [temperature]);
        const naive = await naiveDraw(network, state, { uniform, count, temperature, ...labels });
        if (temperature === 1) expect(new Set(naive.flat()).size).toBeGreaterThan(3);
        for (const samples of await run('sample', { ...noise, temperature: scalar })) {
          expectValues(samples, naive.flat(), levels);
        }
      }
      const given = Float32Array.from(uniformNoise(count, time, 'given'), (u) => 2 * u - 1);
      const kept = Math.floor(time / 3);
      const index = Array.from({ length: count }, (_, i) =>
        Array.from({ length: kept }, (_, t) => nearestIndex(given[i * time + t]!, levels)),
      );
      const naive = await naiveDraw(network, state, {
        uniform,
        count,
        temperature: 1,
        ...labels,
        given: index,
      });
      const inputs = {
        given: hostTensor('float32', [count, time], given),
        samples: hostTensor('float32', [], [kept]),
        temperature: hostTensor('float32', [], [1]),
        ...noise,
      };
      for (const completed of await run('complete', inputs)) {
        for (let i = 0; i < count; i++) {
          const [from, to] = [i * time, (i + 1) * time];
          expect([...completed.slice(from, from + kept)]).toEqual([...given.slice(from, from + kept)]);
          expectValues(completed.slice(from + kept, to), naive[i]!.slice(kept), levels);
        }
      }
      await trainer.release();
    },
  );
});

function nearestIndex(x: number, levels: number): number {
  const companded = (Math.sign(x) * Math.log(1 + (levels - 1) * Math.abs(x))) / Math.log(levels);
  return Math.floor(((companded + 1) / 2) * (levels - 1) + 0.5);
}

/** The values of the bins; bins lie at least 0.1 apart here, so a wrong one cannot pass. */
function expectValues(actual: ArrayLike<number>, index: readonly number[], levels: number): void {
  expect(actual.length).toBe(index.length);
  for (const [i, bin] of index.entries()) expect(actual[i], `at ${i}`).toBeCloseTo(binValue(bin, levels), 5);
}

describe('training', () => {
  it('brings the loss of two tones under the entropy of their histogram, which no independent samples can pass', async () => {
    const [levels, time, batchSize] = [16, 40, 16];
    const dataset = tinySounds(batchSize, time);
    const options = { layers: 3, stacks: 2, filters: 12, skipFilters: 16, levels, averaging: 0 };
    const { model } = buildModel(familyNamed('wavenet'), options, describeData(dataset));
    const trainer = await onnxEngine('cpu').prepare(model, { batchSize, dataShape: [time] });
    await trainer.setState(initialState(model, 1));
    const all = Int32Array.from({ length: batchSize }, (_, i) => i);
    const data = await dataset.gather(all);
    const entropy = histogramEntropy(data.data as Float32Array, levels);
    let loss = Number.POSITIVE_INFINITY;
    for (let step = 0; step < 150; step++) {
      const label = hostTensor('int32', [batchSize], new Int32Array(batchSize));
      const weight = hostTensor('float32', [batchSize], new Float32Array(batchSize).fill(1));
      const inputs = { data, label, weight, noise: {}, learningRate: 1e-2, epochEnd: false };
      loss = (await trainer.step(inputs)).loss!;
    }
    await trainer.release();
    expect(entropy).toBeGreaterThan(2);
    expect(loss).toBeLessThan(entropy / 4);
  });
});

/** Nats per sample of the best code that looks at single samples. */
function histogramEntropy(values: Float32Array, levels: number): number {
  const counts = new Array<number>(levels).fill(0);
  for (const value of values) counts[nearestIndex(value, levels)]!++;
  return counts.reduce(
    (sum, n) => (n === 0 ? sum : sum - (n / values.length) * Math.log(n / values.length)),
    0,
  );
}

describe('wavenet refuses', () => {
  const unlabelled = { ...describeData(tinySounds(2)), classNames: [] };
  it.each([
    [describeData(tinyImages(2)), {}, 'wavenet: models sound: it needs audio, such as --data audio'],
    [unlabelled, { conditional: true }, /wavenet: conditional needs data with classes/],
    [describeData(tinySounds(2)), { levels: 1 }, /wavenet: --levels: expected .*, got 1/],
    [
      { ...unlabelled, spec: { kind: 'audio', shape: [9], sampleRate: 8, range: [0, 1] } as const },
      {},
      /needs samples in \[-1, 1\]/,
    ],
  ])('in one line, %#', (data, options, message) => {
    expect(() => buildModel(familyNamed('wavenet'), options, data)).toThrow(message);
  });
});
