import { tf } from '@generatrix/export';
import { batchPlan, hostTensor, stepInputs } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { floatDataset } from '../../../data/dataset.ts';
import { initialState } from '../../../engine/initial-state.ts';
import { onnxEngine } from '../../../engine/onnx-engine.ts';
import type { HostState } from '../../../model/state.ts';
import type { TrainingOptions } from '../../../model/training-options.ts';
import { exportedSampler } from '../../../testing/sampler-test-support.ts';
import { describeData } from '../../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../../registry.ts';
import { allStates } from '../rbm/rbm-test-support.ts';
import { dbmNames } from './dbm-machine.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const shape = [2, 2, 1] as const;
const [visible, first, second] = [4, 3, 2];
const turns = 30;
const images = floatDataset(
  {
    ...{ name: 'bits', split: 'train', spec: { kind: 'image', shape, range: [0, 1] } },
    ...{ size: 16, labels: null, classNames: [] },
  },
  Float32Array.from(allStates(visible).flat()),
);

function modelOf(options: Record<string, unknown>, batchSize: number, training: TrainingOptions = {}) {
  const all = { hidden: [first, second], pretraining: 0, meanFieldTurns: turns, ...options };
  return buildModel(familyNamed('dbm'), all, describeData(images), training, batchSize).model;
}

/** Weights of some strength. */
function strong(start: HostState): HostState {
  return Object.fromEntries(
    Object.entries(start).map(([name, { shape, data }]) => {
      const values = Array.from(data, (x, i) =>
        Object.values(dbmNames).some((parameter) => parameter === name)
          ? 1.2 * Math.sin((1.3 + name.length / 7) * i + 1)
          : x,
      );
      return [name, hostTensor('float32', shape, values)];
    }),
  );
}

/** Sums over all states of all three layers, in doubles. */
function exactly(state: HostState) {
  const [w, u, b, c, d] = [
    ...[dbmNames.bottom, dbmNames.top, dbmNames.visibleBias, dbmNames.firstBias, dbmNames.secondBias],
  ].map((name) => Array.from(state[name]!.data)) as [number[], number[], number[], number[], number[]];
  const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, xi, i) => sum + xi * y[i]!, 0);
  const [vs, hs, ks] = [allStates(visible), allStates(first), allStates(second)];
  let z = 0;
  const ofVisible = vs.map(() => 0);
  const moment = u.map(() => 0); // E[h1 h2]
  for (const [s, v] of vs.entries()) {
    for (const h of hs) {
      const up = h.reduce(
        (sum, hj, j) => sum + hj * v.reduce((inner, vi, i) => inner + vi * w[i * first + j]!, 0),
        0,
      );
      for (const k of ks) {
        const above = h.reduce(
          (sum, hj, j) => sum + hj * k.reduce((inner, kl, l) => inner + kl * u[j * second + l]!, 0),
          0,
        );
        const weight = Math.exp(dot(v, b) + dot(h, c) + dot(k, d) + up + above);
        z += weight;
        ofVisible[s]! += weight;
        for (const i of moment.keys()) moment[i]! += weight * h[Math.floor(i / second)]! * k[i % second]!;
      }
    }
  }
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  /** Means of both layers, by turns until nothing moves. */
  const meanField = (v: readonly number[]) => {
    let q1 = c.map((bias, j) =>
      sigmoid(bias + 2 * v.reduce((sum, vi, i) => sum + vi * w[i * first + j]!, 0)),
    );
    let q2 = d.map(() => 0);
    for (let turn = 0; turn < turns; turn++) {
      q2 = d.map((bias, l) => sigmoid(bias + q1.reduce((sum, q, j) => sum + q * u[j * second + l]!, 0)));
      q1 = c.map((bias, j) =>
        sigmoid(
          bias +
            v.reduce((sum, vi, i) => sum + vi * w[i * first + j]!, 0) +
            q2.reduce((sum, q, l) => sum + q * u[j * second + l]!, 0),
        ),
      );
    }
    return { q1, q2 };
  };
  /** E_q[-E(v, h1, h2)] + H(q), the definition of the bound without log Z. */
  const meanFieldBound = (v: readonly number[]) => {
    const { q1, q2 } = meanField(v);
    const entropy = [...q1, ...q2].reduce((sum, q) => sum - q * Math.log(q) - (1 - q) * Math.log(1 - q), 0);
    const up = q1.reduce(
      (sum, q, j) => sum + q * v.reduce((inner, vi, i) => inner + vi * w[i * first + j]!, 0),
      0,
    );
    const above = q1.reduce(
      (sum, q, j) => sum + q * q2.reduce((inner, r, l) => inner + r * u[j * second + l]!, 0),
      0,
    );
    return dot(v, b) + dot(q1, c) + dot(q2, d) + up + above + entropy;
  };
  return {
    meanFieldBound,
    logZ: Math.log(z),
    probabilities: ofVisible.map((weight) => weight / z),
    moment: moment.map((sum) => sum / z),
    meanField,
  };
}

describe('a deep Boltzmann machine of few units, against sums over all its states', () => {
  it('has a bound of log p that is one, and is near it; anneals to its Z; draws by its probabilities', async () => {
    const model = modelOf({ sampleSteps: 150, temperatures: 300 }, 1);
    const start = await model.initialise!(initialState(model, 1), images, 1);
    const state = strong(start);
    const exact = exactly(state);
    const sampler = await exportedSampler(model, state, images);
    const sources = { seed: 1, firstIndex: 0, count: 16, data: await images.gather([...Array(16).keys()]) };
    const { freeEnergy } = await sampler.run('variationalFreeEnergy', sources);
    let gap = 0;
    for (const [s, p] of exact.probabilities.entries()) {
      const bound = -freeEnergy!.data[s]! - exact.logZ;
      expect(bound, `state ${s}`).toBeLessThan(Math.log(p) + 1e-5);
      expect(bound + exact.logZ).toBeCloseTo(exact.meanFieldBound(allStates(visible)[s]!), 4);
      gap += p * (Math.log(p) - bound);
    }
    expect(gap).toBeLessThan(0.1);
    expect(gap).toBeGreaterThan(1e-5);
    const { code } = await sampler.run('encode', sources);
    const { q2 } = exact.meanField(allStates(visible)[5]!);
    for (const l of q2.keys()) expect(code!.data[5 * second + l]).toBeCloseTo(q2[l]!, 5);

    const estimates = await Promise.all(
      Array.from({ length: 20 }, (_, seed) => sampler.logPartition({ seed: seed + 1, chains: 40 })),
    );
    const inside = estimates.filter(({ interval: [low, high] }) => low <= exact.logZ && exact.logZ <= high);
    expect(inside.length).toBeGreaterThanOrEqual(19);

    const count = 6000;
    const { data } = await sampler.sample({ count, seed: 2, batchSize: 2000, draw: 'sample' });
    const given = hostTensor(
      'float32',
      [count, ...shape],
      Array.from({ length: count * visible }, (_, i) => [1, 0][i % 2]!),
    );
    const completed = await sampler.complete({
      data: given,
      known: 1,
      seed: 2,
      batchSize: 2000,
      draw: 'sample',
    });
    await sampler.release();
    const fits = allStates(visible).map(([a, b]) => a === 1 && b === 0);
    const total = exact.probabilities.reduce((sum, p, s) => sum + (fits[s] ? p : 0), 0);
    for (const [s, bits] of allStates(visible).entries()) {
      const p = fits[s] ? exact.probabilities[s]! / total : 0;
      let found = 0;
      for (let n = 0; n < count; n++)
        if (bits.every((bit, i) => bit === completed.data.data[n * visible + i])) found++;
      expect(Math.abs(found / count - p), `completed to state ${s}`).toBeLessThan(
        4.5 * Math.sqrt((p * (1 - p)) / count) + 1e-4,
      );
    }
    for (const [s, bits] of allStates(visible).entries()) {
      const p = exact.probabilities[s]!;
      let found = 0;
      for (let n = 0; n < count; n++) if (bits.every((bit, i) => bit === data.data[n * visible + i])) found++;
      expect(Math.abs(found / count - p), `state ${s}`).toBeLessThan(
        4.5 * Math.sqrt((p * (1 - p)) / count) + 1e-4,
      );
    }
  });

  it('follows the gradient of the bound, given chains that have mixed', async () => {
    const batchSize = 4000;
    const model = modelOf({ gibbs: 60 }, batchSize, { optimizer: 'sgd', momentum: 0 });
    const before = strong(await model.initialise!(initialState(model, 1), images, 1));
    const exact = exactly(before);
    const trainer = await onnxEngine('cpu').prepare(model, { batchSize, dataShape: shape });
    await trainer.setState(before);
    const rows = Array.from({ length: batchSize }, (_, i) => allStates(visible)[i % 4 === 0 ? 3 : 10]!);
    const data = floatDataset(
      { name: 'bits', split: 'train', spec: images.spec, size: batchSize, labels: null, classNames: [] },
      Float32Array.from(rows.flat()),
    );
    const batch = batchPlan('shuffled', batchSize, batchSize, 1)(0);
    await trainer.step(await stepInputs(model, data, batch, { seed: 4, step: 0, learningRate: 1 }));
    const after = await trainer.getState();
    await trainer.release();
    const fields = [3, 10].map((s) => exact.meanField(allStates(visible)[s]!));
    for (const [i, moment] of exact.moment.entries()) {
      const [j, l] = [Math.floor(i / second), i % second];
      const products = fields.map(({ q1, q2 }) => q1[j]! * q2[l]!);
      const expected = moment - (0.25 * products[0]! + 0.75 * products[1]!);
      const found = before[dbmNames.top]!.data[i]! - after[dbmNames.top]!.data[i]!;
      expect(Math.abs(found - expected), `U ${i}`).toBeLessThan(4 * (0.5 / Math.sqrt(batchSize)));
    }
  });
});

it('learns the probabilities of pairs of units that agree, layer by layer and then together', async () => {
  const rows = Array.from({ length: 1000 }, (_, n) => {
    const [a, b] = [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ][[0, 0, 0, 0, 1, 2, 3, 3, 3, 3][n % 10]!]!;
    const [c, d] = [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ][[0, 0, 0, 0, 1, 2, 3, 3, 3, 3][Math.floor(n / 10) % 10]!]!;
    return [a!, c!, b!, d!];
  });
  const data = floatDataset(
    { name: 'pairs', split: 'train', spec: images.spec, size: 1000, labels: null, classNames: [] },
    Float32Array.from(rows.flat()),
  );
  const options = { hidden: [first, second], pretraining: 100, gibbs: 3 };
  const { model } = buildModel(familyNamed('dbm'), options, describeData(data), { optimizer: 'adam' }, 100);
  const counts = allStates(visible).map(
    (bits) => rows.filter((row) => row.every((value, i) => value === bits[i])).length / rows.length,
  );
  const divergence = (state: HostState) => {
    const { probabilities } = exactly(state);
    return counts.reduce(
      (sum, share, s) => sum + (share > 0 ? share * Math.log(share / probabilities[s]!) : 0),
      0,
    );
  };
  let state = await model.initialise!(initialState(model, 1), data, 1);
  const atStart = divergence(state);
  const plan = batchPlan('shuffled', data.size, 100, 1);
  for (const [phase, steps] of [100, 100, 800].entries()) {
    const { step } = model.phases![phase]!;
    const trainer = await onnxEngine('cpu').prepare({ ...model, step }, { batchSize: 100, dataShape: shape });
    await trainer.setState(state);
    for (let at = 0; at < steps; at++) {
      const key = { seed: phase, step: at, learningRate: 0.03 * (1 - at / steps) };
      await trainer.step(await stepInputs({ ...model, step }, data, plan(at), key));
    }
    state = await trainer.getState();
    await trainer.release();
  }
  // From that of independent units, 2 (log 2 - 0.500): two pairs whose units agree with the probability 0.8.
  expect(atStart).toBeGreaterThan(0.35);
  expect(divergence(state)).toBeLessThan(0.02);
});
