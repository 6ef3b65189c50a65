import { describe, expect, it } from 'vitest';
import { batchPlan } from './batches.ts';

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
