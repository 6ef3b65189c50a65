import { expect, test } from 'vitest';
import { limitTo, seededSplit } from './split.ts';

test.each([2, 9, 10, 137, 1000])(
  'of %i examples a tenth are the test split, and no example is lost',
  (size) => {
    const [train, held] = [seededSplit(size, 'train', 0), seededSplit(size, 'test', 0)];
    expect(held.length).toBe(Math.max(1, Math.round(size / 10)));
    expect([...train, ...held].sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
    expect([...train]).toEqual([...train].sort((a, b) => a - b));
  },
);

test('another seed splits otherwise, the same seed alike', () => {
  expect(seededSplit(1000, 'test', 1)).not.toEqual(seededSplit(1000, 'test', 2));
  expect(seededSplit(1000, 'test', 1)).toEqual(seededSplit(1000, 'test', 1));
});

test('every example is as likely as another to be held out', () => {
  const counts = new Array<number>(20).fill(0);
  for (let seed = 0; seed < 5000; seed++) for (const index of seededSplit(20, 'test', seed)) counts[index]!++;
  const chiSquared = counts.reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0);
  // 43.82 is the 0.999 quantile with 19 degrees of freedom; drawing two of 20 without replacement spreads the
  // counts by a factor 18 / 19 less, so the bound is on the safe side.
  expect(chiSquared).toBeLessThan(43.82);
});

test('a limit takes a seeded subset in order', () => {
  const indices = Int32Array.from({ length: 100 }, (_, i) => 3 * i);
  const few = limitTo(indices, 10, 0);
  expect(few.length).toBe(10);
  expect(few.every((value, i) => value % 3 === 0 && (i === 0 || value > few[i - 1]!))).toBe(true);
  expect(limitTo(indices, 100, 0)).toBe(indices);
  expect(limitTo(indices, undefined, 0)).toBe(indices);
});
