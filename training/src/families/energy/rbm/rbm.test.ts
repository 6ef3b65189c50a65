import { tf } from '@generatrix/export';
import { batchPlan, hostTensor, stepInputs } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { floatDataset } from '../../../data/dataset.ts';
import { initialState } from '../../../engine/initial-state.ts';
import { onnxEngine } from '../../../engine/onnx-engine.ts';
import type { Model } from '../../../model/model.ts';
import type { HostState } from '../../../model/state.ts';
import type { TrainingOptions } from '../../../model/training-options.ts';
import { exportedSampler } from '../../../testing/sampler-test-support.ts';
import { describeData } from '../../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../../registry.ts';
import { rbmNames } from './rbm-machine.ts';
import { allStates, ExactRbm } from './rbm-test-support.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const [visible, hidden] = [6, 3];
const shape = [2, 3, 1] as const;

/** Binary images, one for each list of pixels. */
function imagesOf(rows: readonly (readonly number[])[]) {
  const spec = { kind: 'image', shape, range: [0, 1] } as const;
  return floatDataset(
    { name: 'bits', split: 'train', spec, size: rows.length, labels: null, classNames: [] },
    Float32Array.from(rows.flat()),
  );
}

const everyImage = imagesOf(allStates(visible));

function rbmOf(options: object, batchSize: number, training: TrainingOptions = {}): Model {
  const all = { hidden, ...options };
  return buildModel(familyNamed('rbm'), all, describeData(everyImage), training, batchSize).model;
}

/** The number of a state, unit 0 the lowest bit. */
const numberOf = (bits: readonly number[]) => bits.reduce((sum, bit, i) => sum + (bit << i), 0);

/** Parameters of some strength, so that units depend on each other and chains of few steps are off. */
function strong(model: Model): HostState {
  const state = initialState(model, 1);
  const wave = (name: string, strength: number, turn: number) => {
    const { shape, data } = state[name]!;
    return hostTensor(
      'float32',
      shape,
      Array.from(data, (_, i) => strength * Math.sin(turn * i + 1)),
    );
  };
  return {
    ...state,
    [rbmNames.weights]: wave(rbmNames.weights, 2, 1.7),
    [rbmNames.visibleBias]: wave(rbmNames.visibleBias, 0.8, 2.3),
    [rbmNames.hiddenBias]: wave(rbmNames.hiddenBias, 0.8, 3.1),
  };
}

describe('a restricted Boltzmann machine of few units, against sums over all its states', () => {
  it('free energies give the probabilities, which sum to 1; so do the conditionals of single units', async () => {
    const model = rbmOf({ sampleSteps: 2 }, 1);
    const state = strong(model);
    const exact = new ExactRbm(state);
    const sampler = await exportedSampler(model, state, everyImage);
    const sources = {
      seed: 1,
      firstIndex: 0,
      count: 64,
      data: await everyImage.gather([...Array(64).keys()]),
    };
    const { freeEnergy } = await sampler.run('freeEnergy', sources);
    const probabilities = Array.from(freeEnergy!.data, (energy) => Math.exp(-energy - exact.logZ));
    expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
    for (const [s, p] of exact.probabilities.entries()) expect(probabilities[s]! / p).toBeCloseTo(1, 4);
    const { pseudoLogLikelihood } = await sampler.run('pseudoLogLikelihood', sources);
    for (const s of exact.visible.keys())
      expect(pseudoLogLikelihood!.data[s]).toBeCloseTo(exact.pseudoLogLikelihood(s), 4);
    await sampler.release();
  });

  it('the gradient of contrastive divergence nears the exact one as its chains grow longer', async () => {
    const batchSize = 4000;
    const data = imagesOf(Array.from({ length: batchSize }, (_, i) => [1, 0, i % 2, 0, 1, i % 2]));
    const errors: Record<number, number> = {};
    for (const gibbs of [1, 3, 40]) {
      // Descent at a rate of 1 without momentum: what parameters lose is the gradient.
      const model = rbmOf({ gibbs, chains: 'data' }, batchSize, { optimizer: 'sgd', momentum: 0 });
      const before = strong(model);
      const exact = new ExactRbm(before);
      const trainer = await onnxEngine('cpu').prepare(model, { batchSize, dataShape: shape });
      await trainer.setState(before);
      const plan = batchPlan('shuffled', data.size, batchSize, 1);
      await trainer.step(await stepInputs(model, data, plan(0), { seed: 4, step: 0, learningRate: 1 }));
      const after = await trainer.getState();
      await trainer.release();
      const states = [
        [1, 0, 0, 0, 1, 0],
        [1, 0, 1, 0, 1, 1],
      ];
      // Of the biases of visible units: the model's mean less the data's.
      const gradient = (name: string) => Array.from(before[name]!.data, (x, i) => x - after[name]!.data[i]!);
      const expectedVisible = exact.moments[rbmNames.visibleBias]!.map(
        (mean, i) => mean - (states[0]![i]! + states[1]![i]!) / 2,
      );
      const w = Array.from(before[rbmNames.weights]!.data);
      const c = Array.from(before[rbmNames.hiddenBias]!.data);
      const meanHidden = (v: readonly number[], j: number) =>
        1 / (1 + Math.exp(-c[j]! - v.reduce((sum, vi, i) => sum + vi * w[i * hidden + j]!, 0)));
      const expectedWeights = exact.moments[rbmNames.weights]!.map((moment, k) => {
        const [i, j] = [Math.floor(k / hidden), k % hidden];
        return moment - states.reduce((sum, v) => sum + (v[i]! * meanHidden(v, j)) / 2, 0);
      });
      const expectedHidden = exact.moments[rbmNames.hiddenBias]!.map(
        (mean, j) => mean - states.reduce((sum, v) => sum + meanHidden(v, j) / 2, 0),
      );
      const off = [
        ...gradient(rbmNames.visibleBias).map((g, i) => g - expectedVisible[i]!),
        ...gradient(rbmNames.weights).map((g, i) => g - expectedWeights[i]!),
        ...gradient(rbmNames.hiddenBias).map((g, i) => g - expectedHidden[i]!),
      ];
      errors[gibbs] = Math.max(...off.map(Math.abs));
    }
    expect(errors[1]).toBeGreaterThan(0.1);
    expect(errors[3]).toBeLessThan(errors[1]!);
    // Means of 4,000 numbers between 0 and 1: a standard error of at most 0.008.
    expect(errors[40]).toBeLessThan(4 * (0.5 / Math.sqrt(batchSize)));
  });

  it('samples at the end of their chains are distributed as the model is, whatever the steps in a run', async () => {
    const count = 8000;
    const model = rbmOf({ sampleSteps: 120 }, 1);
    const state = strong(model);
    const exact = new ExactRbm(state);
    const sampler = await exportedSampler(model, state, everyImage);
    const { data } = await sampler.sample({ count, seed: 2, batchSize: 2000, draw: 'sample' });
    const found = new Array<number>(64).fill(0);
    for (let n = 0; n < count; n++) {
      found[numberOf(Array.from(data.data.slice(n * visible, (n + 1) * visible)))]!++;
    }
    for (const [s, p] of exact.probabilities.entries()) {
      const error = Math.sqrt((p * (1 - p)) / count);
      expect(Math.abs(found[s]! / count - p), `state ${s}`).toBeLessThan(4.5 * error + 1e-4);
    }
    const few = await sampler.sample({ count: 20, seed: 2, stepsPerRun: 7, draw: 'sample' });
    expect([...few.data.data]).toEqual([...data.data.slice(0, 20 * visible)]);
    // The mean of what the last step draws: the same chain, probabilities in the place of values.
    const means = await sampler.sample({ count: 20, seed: 2, draw: 'mean' });
    expect(means.data.data.every((p) => p > 0 && p < 1)).toBe(true);
    await sampler.release();
  });
});

describe('training', () => {
  it('with persistent chains learns the probabilities of three noisy pairs of units, by their exact divergence', async () => {
    // Units i and i + 3 agree with the probability 0.8, whatever the other pairs do: a thousand images in all.
    const pairs = [...[0, 0, 0, 0].map(() => [0, 0]), [0, 1], [1, 0], ...[0, 0, 0, 0].map(() => [1, 1])];
    const rows = Array.from({ length: 1000 }, (_, n) => {
      const chosen = [n % 10, Math.floor(n / 10) % 10, Math.floor(n / 100)].map((k) => pairs[k]!);
      return [...chosen.map(([first]) => first!), ...chosen.map(([, second]) => second!)];
    });
    const data = imagesOf(rows);
    const model = rbmOf({ hidden: 4, gibbs: 5 }, 100, { optimizer: 'adam' });
    expect(model.state.chains).toMatchObject({ shape: [100, visible], kind: 'statistic' });
    const trainer = await onnxEngine('cpu').prepare(model, { batchSize: 100, dataShape: shape });
    const start = initialState(model, 1);
    await trainer.setState(start);
    const plan = batchPlan('shuffled', data.size, 100, 1);
    const steps = 1500;
    for (let step = 0; step < steps; step++) {
      const key = { seed: 1, step, learningRate: 0.03 * (1 - step / steps) };
      await trainer.step(await stepInputs(model, data, plan(step), key));
    }
    const state = await trainer.getState();
    await trainer.release();
    expect(state.chains!.data.every((value) => value === 0 || value === 1)).toBe(true);
    const counts = new Array<number>(64).fill(0);
    for (const row of rows) counts[numberOf(row)]!++;
    const divergence = (of: HostState) => {
      const { probabilities } = new ExactRbm(of);
      return counts.reduce((sum, n, s) => sum + (n / 1000) * Math.log(n / 1000 / probabilities[s]!), 0);
    };
    // From that of independent units, 3 (log 4 - 1.19); no chain of samples of a hundred finds 0 itself.
    expect(divergence(start)).toBeCloseTo(0.58, 1);
    expect(divergence(state)).toBeLessThan(0.02);
  });

  it('keeps a chain for each example of a batch, which cannot be gone through in parts', () => {
    expect(rbmOf({ chains: 'data' }, 7).state.chains).toBeUndefined();
    expect(rbmOf({}, 7).state.chains!.shape).toEqual([7, visible]);
    expect(() => rbmOf({}, 8, { accumulate: 2 })).toThrow(
      /^--accumulate 2: the model keeps something for each/,
    );
  });
});
