import { fillNoise, type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { describe, expect, it, test } from 'vitest';
import { floatDataset } from '../data/dataset.ts';
import { pointDistributions } from '../data/point-distributions.ts';
import type { Trainer } from '../engine/engine.ts';
import type { Model } from '../model/model.ts';
import { heldOutMetrics, heldOutScore, modeMetrics } from './evaluation.ts';

test('mode coverage is reported for data whose modes are known, and for no other', () => {
  const [first, second] = pointDistributions.ring8.modes!.centres;
  const samples = hostTensor('float32', [4, 2], [...first!, ...first!, ...second!, 5, 5]);
  expect(modeMetrics('ring8', samples)).toEqual({ 'heldOut/modesHit': 2, 'heldOut/highQualityShare': 0.75 });
  expect(modeMetrics('moons', samples)).toEqual({});
  expect(modeMetrics('toString', samples)).toEqual({});
});

describe('the held-out score', () => {
  const noiseOf = (index: number, stream: string) =>
    fillNoise({ distribution: 'normal', seed: 42, stream, firstIndex: index, count: 1, shape: [] })[0]!;
  const size = 230;
  const dataset = floatDataset(
    {
      ...{ name: 'ramp', split: 'validation', spec: { kind: 'points', shape: [1] }, size },
      ...{ labels: Int32Array.from({ length: size }, (_, i) => (i * i) % 7), classNames: ['a'] },
    },
    Float32Array.from({ length: size }, (_, i) => i / 16),
  );
  const scorer = (name: 'logProb' | 'logWeight') =>
    ({
      programs: {
        [name]: {
          signature: {
            inputs: {
              data: { role: 'data', dtype: 'float32', shape: [1] },
              label: { role: 'label', dtype: 'int32', shape: [], classes: 7 },
              eps: { role: 'noise', distribution: 'normal', dtype: 'float32', shape: [] },
            },
          },
        },
      },
    }) as unknown as Model;
  /** Scores 1000 label + data + eps, and counts the examples of each call. */
  const trainerOf = (counts: number[]) =>
    ({
      run: async (program: string, { data, label, eps }: Record<string, HostTensor>) => {
        const values = Array.from(data!.data, (x, i) => 1000 * label!.data[i]! + x + eps!.data[i]!);
        counts.push(values.length);
        return { [program]: hostTensor('float32', [values.length], values) };
      },
    }) as unknown as Trainer;

  it.each([
    ['logProb', 1000, 230],
    ['logWeight', 137, 137],
    ['logProb', 100, 100],
  ] as const)(
    'is the mean of %s over examples with their own labels and noise: at most %i',
    async (name, limit, used) => {
      let expected = 0;
      for (let i = 0; i < used; i++) {
        expected += 1000 * ((i * i) % 7) + i / 16 + noiseOf(i, `${name}/eps`);
      }
      const counts: number[] = [];
      const score = await heldOutScore(trainerOf(counts), scorer(name), dataset, limit);
      expect(score! - expected / used).toBeCloseTo(0, 4);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(used);
    },
  );

  it('is null without a density or without examples', async () => {
    const none = { ...dataset, size: 0 };
    expect(await heldOutScore(trainerOf([]), { programs: {} } as Model, dataset, 10)).toBeNull();
    expect(await heldOutScore(trainerOf([]), scorer('logProb'), none, 10)).toBeNull();
  });
});

test('what an evaluation measures: the likelihood or its bound, and modes where they are known', () => {
  const model = (...programs: string[]) =>
    ({ programs: Object.fromEntries(programs.map((name) => [name, {}])) }) as unknown as Model;
  expect(heldOutMetrics(model('logProb', 'sample'), 'moons', true)).toEqual(['heldOut/logProb']);
  expect(heldOutMetrics(model('logWeight'), 'ring8', true)).toEqual(['heldOut/elbo']);
  expect(heldOutMetrics(model('logProb'), 'moons', false)).toEqual([]);
  expect(heldOutMetrics(model('sample'), 'grid25', true)).toEqual([
    'heldOut/modesHit',
    'heldOut/highQualityShare',
  ]);
});
