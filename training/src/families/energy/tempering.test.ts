import { tf } from '@generatrix/export';
import { batchPlan, hostTensor, stepInputs } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { floatDataset } from '../../data/dataset.ts';
import { initialState } from '../../engine/initial-state.ts';
import { onnxEngine } from '../../engine/onnx-engine.ts';
import { describeData } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';
import { binaryPath } from './annealed-path.ts';
import { rbmNames } from './rbm/rbm-machine.ts';
import { allStates, ExactRbm } from './rbm/rbm-test-support.ts';
import { swapped } from './tempering.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('a sweep of swaps', () => {
  const [visible, hidden] = [3, 2];
  const wave = (count: number, turn: number) =>
    Array.from({ length: count }, (_, i) => Math.sin(turn * i + 1));
  const [w, b, c, a] = [
    wave(visible * hidden, 1.7).map((x) => 2 * x),
    wave(visible, 2.3),
    wave(hidden, 3.1),
    wave(visible, 0.7),
  ];
  const at = [1, 2 / 3, 1 / 3, 0];
  /** f at an inverse temperature, summed over the states of hidden units. */
  const weightOf = (v: readonly number[], inverse: number) =>
    allStates(hidden).reduce((sum, h) => {
      let energy = 0;
      for (const [i, vi] of v.entries()) {
        energy += (1 - inverse) * a[i]! * vi + inverse * b[i]! * vi;
        for (const [j, hj] of h.entries()) energy += inverse * vi * hj * w[i * hidden + j]!;
      }
      for (const [j, hj] of h.entries()) energy += inverse * c[j]! * hj;
      return sum + Math.exp(energy);
    }, 0);

  it.each([
    [0, [1, 0, 3, 2]],
    [1, [0, 2, 1, 3]],
  ] as const)('from replica %i swaps neighbours as detailed balance asks', (first, other) => {
    const path = binaryPath(
      {
        weights: tf.tensor2d(w, [visible, hidden]),
        visibleBias: tf.tensor1d(b),
        hiddenBias: tf.tensor1d(c),
      },
      tf.tensor1d(a),
    );
    const all = allStates(visible);
    // Each replica in every state, in another order.
    const rows = all.map((_, n) => at.map((__, r) => all[(n * (2 * r + 1) + r) % all.length]!));
    const odds = rows.map((row) =>
      other.map((partner, r) => {
        const [mine, theirs] = [row[r]!, row[partner]!];
        const [here, there] = [at[r]!, at[partner]!];
        return (
          (weightOf(mine, there) * weightOf(theirs, here)) / (weightOf(mine, here) * weightOf(theirs, there))
        );
      }),
    );
    expect(odds.flat().some((ratio) => ratio < 0.9)).toBe(true);
    for (const side of [-1e-4, 1e-4]) {
      const uniform = odds.map((row) => row.map((ratio) => Math.min(1, ratio) + side));
      const found = swapped(path, tf.tensor3d(rows), tf.tensor2d(uniform), first).arraySync() as number[][][];
      const expected = rows.map((row, n) =>
        row.map((mine, r) => (uniform[n]![r]! < Math.min(1, odds[n]![r]!) ? row[other[r]!]! : mine)),
      );
      expect(found).toEqual(expected);
      expect(side < 0).toBe(found.some((row, n) => String(row) !== String(rows[n])));
    }
  });
});

describe('chains of a machine of two modes that begin in one', () => {
  const shape = [2, 3, 1] as const;
  const [visible, hidden, batchSize] = [6, 2, 400];
  const images = floatDataset(
    {
      ...{ name: 'bits', split: 'train', spec: { kind: 'image', shape, range: [0, 1] } },
      ...{ size: 64, labels: null, classNames: [] },
    },
    Float32Array.from(allStates(visible).flat()),
  );

  /** The mean of all units of the model's chains after 200 Gibbs steps from zeros, and the exact one. */
  async function meanOf(chains: string) {
    const options = { hidden, chains, replicas: 8, gibbs: 5 };
    const training = { optimizer: 'sgd', momentum: 0 } as const;
    const { model } = buildModel(familyNamed('rbm'), options, describeData(images), training, batchSize);
    const start = await model.initialise!(initialState(model, 1), images, 1);
    const filled = (name: string, value: number) => {
      const { shape, data } = start[name]!;
      return { [name]: hostTensor('float32', shape, new Float32Array(data.length).fill(value)) };
    };
    // All units agree: on or off, with a barrier between them. On is a little likelier.
    const state = {
      ...start,
      ...filled(rbmNames.weights, 4),
      ...filled(rbmNames.visibleBias, -3.9),
      ...filled(rbmNames.hiddenBias, -12),
      ...filled('chains', 0),
    };
    const exact = new ExactRbm(state);
    const trainer = await onnxEngine('cpu').prepare(model, { batchSize, dataShape: shape });
    await trainer.setState(state);
    const plan = batchPlan('shuffled', images.size, batchSize, 1);
    for (let step = 0; step < 40; step++)
      await trainer.step(await stepInputs(model, images, plan(step), { seed: 3, step, learningRate: 0 }));
    const after = await trainer.getState();
    await trainer.release();
    expect(after[rbmNames.weights]).toEqual(state[rbmNames.weights]);
    const { data } = after.chains!;
    const replicas = data.length / (batchSize * visible);
    const cold = Array.from({ length: batchSize }, (_, n) =>
      Array.from(data.subarray(n * replicas * visible, (n * replicas + 1) * visible)),
    );
    return {
      mean: cold.reduce((sum, v) => sum + v.reduce((inner, x) => inner + x, 0) / visible, 0) / batchSize,
      exact: exact.moments[rbmNames.visibleBias]!.reduce((sum, x) => sum + x, 0) / visible,
    };
  }

  it('reach the other by tempering, in the exact shares; without it they do not', async () => {
    // The mean of units between 0 and 1 of independent chains.
    const error = 4 * (0.5 / Math.sqrt(batchSize));
    const tempered = await meanOf('tempered');
    expect(tempered.exact).toBeGreaterThan(0.55);
    expect(Math.abs(tempered.mean - tempered.exact)).toBeLessThan(error);
    const persistent = await meanOf('persistent');
    expect(persistent.exact - persistent.mean).toBeGreaterThan(3 * error);
  });
});
