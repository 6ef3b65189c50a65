import { tf } from '@generatrix/export';
import { hostTensor, type Sampler } from '@generatrix/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { floatDataset } from '../../data/dataset.ts';
import { initialState } from '../../engine/initial-state.ts';
import { exportedSampler } from '../../testing/sampler-test-support.ts';
import { describeData } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';
import { rbmNames } from './rbm/rbm-machine.ts';
import { allStates, ExactRbm } from './rbm/rbm-test-support.ts';

const [visible, hidden] = [6, 3];
const shape = [3, 2, 1] as const;
const images = floatDataset(
  {
    ...{ name: 'bits', split: 'train', spec: { kind: 'image', shape, range: [0, 1] } },
    ...{ size: 64, labels: null, classNames: [] },
  },
  Float32Array.from(allStates(visible).flat()),
);

let sampler: Sampler;
let exact: ExactRbm;

beforeAll(async () => {
  await tf.setBackend('cpu');
  const { model } = buildModel(familyNamed('rbm'), { hidden }, describeData(images), {}, 1);
  const start = await model.initialise!(initialState(model, 1), images, 1);
  const wave = (name: string, strength: number, turn: number) => {
    const { shape, data } = start[name]!;
    const values = Float32Array.from(data, (_, i) => strength * Math.sin(turn * i + 1));
    return { [name]: hostTensor('float32', shape, values) };
  };
  const state = {
    ...start,
    ...wave(rbmNames.weights, 2.5, 1.7),
    ...wave(rbmNames.visibleBias, 1, 2.3),
    ...wave(rbmNames.hiddenBias, 1, 3.1),
  };
  exact = new ExactRbm(state);
  sampler = await exportedSampler(model, state, images);
});
afterAll(() => sampler.release());

const repeated = (example: readonly number[], count: number) =>
  hostTensor('float32', [count, ...shape], Array.from({ length: count }, () => example).flat());

describe('the program complete of a machine', () => {
  it.each([0, 1, 2])(
    'given %i rows draws the others by the exact conditional probabilities',
    async (rows) => {
      const count = 6000;
      const example = [1, 0, 0, 1, 0.5, 0.5];
      const { data } = await sampler.complete({
        ...{ data: repeated(example, count), known: rows, seed: 5, steps: 120, draw: 'sample' },
        batchSize: 2000,
      });
      const fits = exact.visible.map((v) => v.slice(0, 2 * rows).every((bit, i) => bit === example[i]));
      const total = exact.probabilities.reduce((sum, p, s) => sum + (fits[s] ? p : 0), 0);
      for (const [s, v] of exact.visible.entries()) {
        const p = fits[s] ? exact.probabilities[s]! / total : 0;
        let found = 0;
        for (let n = 0; n < count; n++) if (v.every((bit, i) => bit === data.data[n * visible + i])) found++;
        // 4 standard errors, of 64 states at once: one of 250 seeds would be beyond.
        expect(Math.abs(found / count - p), `state ${s}`).toBeLessThan(
          4 * Math.sqrt((p * (1 - p)) / count) + 1e-4,
        );
      }
    },
  );

  it('gives what is known back to the bit, grey values too, and means of the rest, in any batches and runs', async () => {
    const example = [0.3, 0.7, 1, 0.1, 0.9, 0.2].map(Math.fround);
    const request = { data: repeated(example, 10), known: 2, seed: 5 };
    const { data } = await sampler.complete(request);
    for (let n = 0; n < 10; n++) {
      const own = [...data.data.slice(n * visible, (n + 1) * visible)];
      expect(own.slice(0, 4)).toEqual(example.slice(0, 4));
      expect(own.slice(4).every((p) => p > 0 && p < 1)).toBe(true);
    }
    const parts = await sampler.complete({ ...request, batchSize: 3, stepsPerRun: 7 });
    expect([...parts.data.data]).toEqual([...data.data]);
    const whole = await sampler.complete({ ...request, known: 3 });
    expect([...whole.data.data]).toEqual([...request.data.data]);
  });

  it('refuses what makes no sense in one line', async () => {
    const data = repeated([0, 0, 0, 0, 0, 0], 1);
    await expect(sampler.complete({ data, known: 4 })).rejects.toThrow(/known: expected 0 to 3 rows, got 4$/);
    await expect(sampler.complete({ data, known: 1, steps: 1 })).rejects.toThrow(/steps.*from 2 to 1000000/);
    for (const steps of [0, -3]) {
      const range = new RegExp(`input 'steps': expected a number from 2 to 1000000, got ${steps}$`);
      await expect(sampler.complete({ data, known: 1, steps })).rejects.toThrow(range);
      await expect(sampler.sample({ count: 1, steps })).rejects.toThrow(range);
      await expect(sampler.stream({ count: 1, steps })[Symbol.asyncIterator]().next()).rejects.toThrow(range);
    }
    await expect(sampler.complete({ data, known: 1, warmth: 1 })).rejects.toThrow(
      /no scalar 'warmth' \(it has: rows, mean, steps\)$/,
    );
    await expect(sampler.complete({ data, known: 1, steps: 2.5 })).rejects.toThrow(/steps: .*whole number/);
    await expect(sampler.complete({ data, known: 1, from: 3 })).rejects.toThrow(/from: .*not to be given/);
  });
});
