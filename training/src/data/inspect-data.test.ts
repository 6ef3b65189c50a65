import { expect, test } from 'vitest';
import { type Dataset, floatDataset, type Split } from './dataset.ts';
import { inspectData } from './inspect-data.ts';

function rows(split: Split, values: number[][], labels: number[] | null = null): Dataset {
  const width = values[0]!.length;
  return floatDataset(
    {
      ...{ name: 'rows', split, spec: { kind: 'points', shape: [width] }, size: values.length },
      ...{
        labels: labels === null ? null : Int32Array.from(labels),
        classNames: labels === null ? [] : ['x', 'y'],
      },
    },
    Float32Array.from(values.flat()),
  );
}

test('moments, histogram, columns, duplicates and overlap by hand', async () => {
  const train = rows(
    'train',
    [
      [0, 5],
      [0, 5],
      [10, 5],
      [4, 5],
    ],
    [0, 0, 0, 0],
  );
  const found = await inspectData([
    train,
    rows(
      'validation',
      [
        [4, 5],
        [4, 5],
        [1, 5],
      ],
      [0, 1, 1],
    ),
  ]);
  expect(found.parts).toEqual([
    { split: 'train', size: 4, looked: 4, classCounts: [4, 0], duplicates: 1, inTraining: 0 },
    { split: 'validation', size: 3, looked: 3, classCounts: [1, 2], duplicates: 1, inTraining: 2 },
  ]);
  // Values 0, 5, 0, 5, 10, 5, 4, 5: sum 34, squares 216.
  expect(found.values.mean).toBeCloseTo(34 / 8, 12);
  expect(found.values.deviation).toBeCloseTo(Math.sqrt(216 / 8 - (34 / 8) ** 2), 12);
  expect(found.histogram.counts).toEqual([2, 0, 0, 0, 1, 4, 0, 0, 0, 1]);
  expect(found.atEnds).toEqual([2 / 8, 1 / 8]);
  expect(found.columns[1]).toEqual({ low: 5, high: 5, mean: 5, deviation: 0 });
  expect(found.problems).toEqual([
    "column 1 (counted from 0, without the label's) is constant: 5",
    'classes without a training example: y',
    '1 of 4 train examples repeat an earlier one exactly',
    'the validation part has 3 examples only: what it says of a model is uncertain',
    '1 of 3 validation examples repeat an earlier one exactly',
    '2 of 3 validation examples are training examples too',
  ]);
});

test('of a large part a bounded number of examples is gathered', async () => {
  let gathered = 0;
  const small = rows('train', [[1], [2]]);
  const large: Dataset = {
    ...small,
    size: 1_000_000,
    gather: async (indices) => {
      gathered += indices.length;
      const data = Float32Array.from(indices as ArrayLike<number>);
      return { dtype: 'float32', shape: [indices.length, 1], data };
    },
  };
  const { parts, values } = await inspectData([large]);
  expect([gathered, parts[0]!.looked]).toEqual([10_000, 10_000]);
  expect([values.low, values.high]).toEqual([0, 999_999]);
});

test('sounds: silence, and peaks that are cut', async () => {
  const spec = { kind: 'audio', shape: [4], sampleRate: 8000, range: [-1, 1] } as const;
  const clips = [0, 0, 0, 0, 0.2, 1, 1, 1, 0.2, 1, 1, 0.1];
  const fields = { name: 'clips', split: 'train', spec, size: 3, labels: null, classNames: [] } as const;
  expect((await inspectData([floatDataset(fields, Float32Array.from(clips))])).problems).toEqual([
    '1 of 3 clips are silent (below 1e-4 throughout)',
    '1 of 3 clips are cut off at full scale',
  ]);
});
