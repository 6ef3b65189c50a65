import { expect, test } from 'vitest';
import { drawLabels } from './labels.ts';

const key = { seed: 4, firstIndex: 0, count: 20_000 };
const shareOf = (labels: Int32Array, label: number) =>
  labels.filter((value) => value === label).length / labels.length;

test('classes come as often as their frequencies say, which need not add up to 1', () => {
  for (const frequencies of [
    [0.1, 0, 0.6, 0.3],
    [2, 0, 12, 6],
  ]) {
    const labels = drawLabels(frequencies, key);
    expect(shareOf(labels, 1)).toBe(0);
    for (const [label, share] of [0.1, 0, 0.6, 0.3].entries()) {
      const standardError = Math.sqrt((share * (1 - share)) / key.count);
      expect(Math.abs(shareOf(labels, label) - share)).toBeLessThanOrEqual(4 * standardError);
    }
  }
});

test('the class of a sample depends on seed and index alone', () => {
  const all = drawLabels([1, 2, 3], key);
  const part = drawLabels([1, 2, 3], { ...key, firstIndex: 100, count: 50 });
  expect(part).toEqual(all.slice(100, 150));
  expect(drawLabels([1, 2, 3], { ...key, seed: 5 })).not.toEqual(all);
});
