import { createHash } from 'node:crypto';
import { permutation } from '@generatrix/runtime/core';
import { expect, test } from 'vitest';
import { expectUserError } from '../testing/test-support.ts';
import { type Split, splits } from './dataset.ts';
import { exampleHash, type HeldOut, named, type PartRequest, rowsOf, takePart } from './split.ts';

const both: readonly HeldOut[] = ['validation', 'test'];

function partsOf(names: readonly string[], missing = both, request: Partial<PartRequest> = {}) {
  const take = (split: Split) =>
    Array.from(takePart(named(names), { ...request, split }, missing, 'here'), (index) => names[index]!);
  return { train: take('train'), validation: take('validation'), test: take('test') };
}

const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `file ${from + i}`);

test('the hash is SHA-256 over the seed and the identity', () => {
  const digest = createHash('sha256').update('7\na/b.png').digest('hex');
  expect(exampleHash('a/b.png', 7)).toEqual({
    place: Number.parseInt(digest.slice(0, 12), 16) / 2 ** 48,
    rank: Number.parseInt(digest.slice(12, 24), 16) / 2 ** 48,
  });
});

test.each([3, 4, 9, 100, 1000])('of %i examples none is lost and no part is empty', (size) => {
  const names = numbered(size);
  const parts = partsOf(names);
  expect(Object.values(parts).flat().sort()).toEqual([...names].sort());
  for (const part of splits) expect(parts[part].length).toBeGreaterThan(0);
});

test('a tenth each is held out to validate and to test', () => {
  const { train, validation, test: held } = partsOf(numbered(20_000));
  // Four standard deviations of a binomial count, sqrt(20,000 * 0.1 * 0.9) = 42.4.
  for (const part of [validation, held]) expect(Math.abs(part.length - 2000)).toBeLessThan(4 * 42.5);
  expect(train.length).toBe(20_000 - validation.length - held.length);
});

test('files with a test part of their own lose the same examples to the validation part', () => {
  const names = numbered(500);
  const alone = partsOf(names, ['validation']);
  expect(alone.validation).toEqual(partsOf(names).validation);
  expect([...alone.train, ...alone.validation].sort()).toEqual([...names].sort());
});

test('another order changes no part', () => {
  const names = numbered(200);
  const shuffled = Array.from(permutation(3, 'order', 200), (index) => names[index]!);
  const [before, after] = [partsOf(names), partsOf(shuffled)];
  for (const part of splits) expect([...after[part]].sort()).toEqual([...before[part]].sort());
});

test('added examples leave the others where they were, and never bring one from training to a held-out part', () => {
  for (let splitSeed = 0; splitSeed < 60; splitSeed++) {
    for (const size of [3, 4, 6, 12, 200]) {
      const names = numbered(size);
      // Few examples may all hash to held-out parts; one of them must then be trained on.
      if (names.every((name) => exampleHash(name, splitSeed).place < 0.2)) continue;
      const before = partsOf(names, both, { splitSeed });
      const after = partsOf([...numbered(3, 1000), ...names, ...numbered(2, 2000)], both, { splitSeed });
      const held = new Set([...after.validation, ...after.test]);
      expect(before.train.filter((name) => held.has(name))).toEqual([]);
      if (size < 200) continue;
      for (const part of splits) expect(after[part]).toEqual(expect.arrayContaining(before[part]));
    }
  }
});

test('examples that all hash to held-out parts still leave one to train on', () => {
  const unlucky = numbered(2000)
    .filter((name) => exampleHash(name, 0).place < 0.1)
    .slice(0, 3);
  const parts = partsOf(unlucky);
  expect(splits.map((split) => parts[split].length)).toEqual([1, 1, 1]);
});

test('equal rows fall on one side', () => {
  const distinct = Float32Array.from({ length: 400 }, (_, i) => Math.sin(i));
  const rows = rowsOf(Float32Array.from([...distinct, ...distinct]), 2);
  const held = takePart(rows, { split: 'test' }, both, 'here');
  const [first, second] = [held.filter((row) => row < 200), held.filter((row) => row >= 200)];
  expect(first.length).toBeGreaterThan(5);
  expect(second).toEqual(first.map((row) => row + 200));
});

test('0 and -0 are the same value', () => {
  const { identity } = rowsOf(Float64Array.from([0, -0]), 1);
  expect(identity(1)).toEqual(identity(0));
});

test('another seed splits otherwise', () => {
  const names = numbered(1000);
  const [one, two] = [partsOf(names), partsOf(names, both, { splitSeed: 1 })];
  expect(two.test).not.toEqual(one.test);
});

test('every example is as likely as another to be tested on', () => {
  const counts = new Array<number>(20).fill(0);
  for (let splitSeed = 0; splitSeed < 3000; splitSeed++) {
    for (let index = 0; index < 20; index++)
      if (exampleHash(`file ${index}`, splitSeed).place < 0.1) counts[index]!++;
  }
  const chiSquared = counts.reduce((sum, count) => sum + (count - 300) ** 2 / 270, 0);
  // 45.31 is the 0.999 quantile with 20 degrees of freedom.
  expect(chiSquared).toBeLessThan(45.31);
});

test('a limit takes a subset in order, nested in larger ones, whatever is added behind the limit', () => {
  const names = numbered(300);
  const few = partsOf(names, both, { size: 10 }).train;
  const more = partsOf(names, both, { size: 50 }).train;
  expect([few.length, more.length]).toEqual([10, 50]);
  expect(more).toEqual(expect.arrayContaining(few));
  expect(few).toEqual(names.filter((name) => few.includes(name)));
  expect(partsOf(names, both, { size: 1000 }).train).toEqual(partsOf(names).train);
});

test('too few distinct examples are refused', async () => {
  const take = (names: string[], missing: readonly HeldOut[]) => async () =>
    takePart(named(names), { split: 'train' }, missing, 'here');
  await expectUserError(
    take(['a', 'b'], both),
    'here: expected at least 3 different examples',
    'found 2',
    'add more',
  );
  await expectUserError(take(['a', 'a', 'a'], ['validation']), 'at least 2 different examples', 'found 1');
});

test('the older rule is a permutation of positions that holds out a tenth, to validate and to test', () => {
  const older = partsOf(numbered(20), both, { splitRule: 'permutation', splitSeed: 4 });
  const order = Array.from(permutation(4, 'data/split', 20));
  expect(older.test).toEqual(
    order
      .slice(0, 2)
      .sort((a, b) => a - b)
      .map((index) => `file ${index}`),
  );
  expect(older.validation).toEqual(older.test);
  expect(older.train.length).toBe(18);
  const few = partsOf(numbered(20), both, { splitRule: 'permutation', splitSeed: 4, size: 5 }).train;
  const chosen = permutation(4, 'data/subset', 18).slice(0, 5).sort();
  expect(few).toEqual(Array.from(chosen, (at) => older.train[at]));
});
