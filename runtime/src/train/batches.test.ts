import { describe, expect, it } from 'vitest';
import { fillNoise } from '../noise/noise.ts';
import { hostTensor } from '../program/tensor.ts';
import { batchPlan, stepInputs } from './batches.ts';

describe('batchPlan', () => {
  it('a sweep shows every example once an epoch, and pads the last batch with weight 0', () => {
    const plan = batchPlan('sweep', 10, 4, 1);
    const batches = [0, 1, 2].map(plan);
    const shown = batches.flatMap(({ indices, weight }) => [...indices].filter((_, i) => weight[i] === 1));
    expect(shown).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(batches.map(({ epochEnd }) => epochEnd)).toEqual([false, false, true]);
    expect([...batches[2]!.weight]).toEqual([1, 1, 0, 0]);
    expect(plan(3)).toEqual({ ...plan(0), epoch: 1 });
  });

  it('shuffled batches of an epoch do not repeat examples, and epochs differ', () => {
    const plan = batchPlan('shuffled', 10, 3, 1);
    const epoch = (first: number) => [0, 1, 2].flatMap((i) => [...plan(first + i).indices]);
    expect(new Set(epoch(0)).size).toBe(9);
    expect(epoch(0)).not.toEqual(epoch(3));
  });

  it('is a function of seed and step alone, so that a resumed run sees the same batches', () => {
    const [straight, resumed] = [batchPlan('shuffled', 50, 7, 5), batchPlan('shuffled', 50, 7, 5)];
    for (let step = 0; step < 20; step++) straight(step);
    expect(resumed(20)).toEqual(straight(20));
    expect([...batchPlan('shuffled', 50, 7, 6)(20).indices]).not.toEqual([...straight(20).indices]);
  });

  it('a data set smaller than the batch is repeated rather than refused', () => {
    const { indices, weight } = batchPlan('shuffled', 3, 5, 1)(0);
    expect([...weight]).toEqual([1, 1, 1, 1, 1]);
    expect(new Set(indices)).toEqual(new Set([0, 1, 2]));
  });
});

describe('stepInputs', () => {
  const labels = Int32Array.from([5, 3, 4, 1, 2]);
  const examples = {
    labels,
    gather: (indices: ArrayLike<number>) =>
      hostTensor(
        'float32',
        [indices.length, 1],
        Array.from(indices, (index) => 10 * index),
      ),
  };
  const batch = {
    ...{ epoch: 2, indices: Int32Array.from([4, 0, 3]), weight: Float32Array.from([1, 1, 0]) },
    epochEnd: true,
  };
  const noise = {
    eps: { distribution: 'normal', shape: [3] },
    share: { distribution: 'uniform', shape: [] },
  } as const;
  const key = { seed: 9, step: 6, learningRate: 0.25 };

  it('gives each example its own label, and passes on weight, rate and the end of the epoch', async () => {
    const inputs = await stepInputs({ step: { noise: {} } }, examples, batch, key);
    expect(inputs).toEqual({
      data: hostTensor('float32', [3, 1], [40, 0, 30]),
      label: hostTensor('int32', [3], [2, 5, 1]),
      weight: hostTensor('float32', [3], [1, 1, 0]),
      noise: {},
      learningRate: 0.25,
      epochEnd: true,
    });
  });

  it('labels are 0 where there are none', async () => {
    const { label } = await stepInputs({ step: { noise: {} } }, { ...examples, labels: null }, batch, key);
    expect(label).toEqual(hostTensor('int32', [3], [0, 0, 0]));
  });

  it('draws noise by its name, its place in the batch and the step', async () => {
    const drawn = (await stepInputs({ step: { noise } }, examples, batch, key)).noise;
    for (const [name, { distribution, shape }] of Object.entries(noise)) {
      const rows = [0, 1, 2].flatMap((row) => [
        ...fillNoise({
          distribution,
          seed: 9,
          stream: `step/${name}`,
          firstIndex: row,
          count: 1,
          draw: 6,
          shape,
        }),
      ]);
      expect(drawn[name]).toEqual(hostTensor('float32', [3, ...shape], rows));
    }
    const later = (await stepInputs({ step: { noise } }, examples, batch, { ...key, step: 7 })).noise;
    expect(later.eps).not.toEqual(drawn.eps);
  });
});
