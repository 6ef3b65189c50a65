import { expect, test } from 'vitest';
import { type Dataset, floatDataset } from './dataset.ts';
import { changeOf, describeDatasets, fingerprintOf } from './fingerprint.ts';

function points(values: readonly number[], labels: readonly number[] | null = null): Dataset {
  return floatDataset(
    {
      name: 'points',
      split: 'train',
      spec: { kind: 'points', shape: [1] },
      size: values.length,
      labels: labels === null ? null : Int32Array.from(labels),
      classNames: labels === null ? [] : ['a', 'b'],
    },
    Float32Array.from(values),
  );
}

const many = Array.from({ length: 1000 }, (_, i) => Math.sin(i));

test('the same data has the same fingerprint', async () => {
  expect(changeOf(await fingerprintOf(points(many)), await fingerprintOf(points(many)))).toBeNull();
});

test.each<[string, Dataset, string]>([
  ['an example more', points([...many, 1]), '1001 examples where there were 1000'],
  ['classes', points(many, new Array<number>(1000).fill(0)), 'classes a, b where they were none'],
  ['another last value', points([...many.slice(0, -1), 2]), 'other values or labels'],
  ['another order', points(many.toReversed()), 'other values or labels'],
])('%s is seen', async (_, changed, text) => {
  expect(changeOf(await fingerprintOf(points(many)), await fingerprintOf(changed))).toContain(text);
});

test('a label that changed is seen, whichever it is', async () => {
  const labels = new Array<number>(1000).fill(0);
  const before = await fingerprintOf(points(many, labels));
  expect(changeOf(before, await fingerprintOf(points(many, labels.with(501, 1))))).toContain('labels');
});

test('one line says what was loaded', () => {
  const noted = { ...points([1, 2], [0, 1]), notes: ['1 row left out for a missing value'] };
  expect(describeDatasets([noted, { ...noted, split: 'validation' }])).toBe(
    'data: points, 2 train, 2 validation examples of points 1, 2 classes; 1 row left out for a missing value',
  );
});
