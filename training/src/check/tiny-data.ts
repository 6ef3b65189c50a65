import {
  encodeRow,
  fillNoise,
  type HostTensor,
  hostTensor,
  rowWidth,
  type TableColumn,
} from '@generatrix/runtime/core';
import { type Dataset, floatDataset } from '../data/dataset.ts';
import type { DataDescription } from '../model/family.ts';

/** Small images in [0, 1] of blobs, enough to exercise a family in a test. */
export function tinyImages(size: number, shape: readonly [number, number, number] = [6, 5, 1]): Dataset {
  const values = fillNoise({
    distribution: 'uniform',
    seed: 3,
    stream: 'tiny images',
    firstIndex: 0,
    count: size,
    shape,
  });
  const spec = { kind: 'image', shape, range: [0, 1] } as const;
  return floatDataset({ name: 'tiny', split: 'train', spec, size, labels: null, classNames: [] }, values);
}

/** The data set with classes that take turns. */
export function labelled(dataset: Dataset, classes: number): Dataset {
  const labels = Int32Array.from({ length: dataset.size }, (_, i) => i % classes);
  return { ...dataset, labels, classNames: Array.from({ length: classes }, (_, k) => `class ${k}`) };
}

/** Two clusters in the plane. */
export function tinyPoints(size: number): Dataset {
  const noise = fillNoise({
    distribution: 'normal',
    seed: 4,
    stream: 'tiny points',
    firstIndex: 0,
    count: size,
    shape: [2],
  });
  const values = noise.map((value, i) => 0.8 * value + (Math.floor(i / 2) % 2 === 0 ? 1 : -1));
  const spec = { kind: 'points', shape: [2] } as const;
  return floatDataset({ name: 'tiny', split: 'train', spec, size, labels: null, classNames: [] }, values);
}

/** Clips of two tones of different pitch and phase, one for each class. */
export function tinySounds(size: number, time = 40): Dataset {
  const values = Float32Array.from({ length: size * time }, (_, i) => {
    const [clip, t] = [Math.floor(i / time), i % time];
    return 0.8 * Math.sin((clip % 2 === 0 ? 0.4 : 1.1) * t + clip);
  });
  const spec = { kind: 'audio', shape: [time], sampleRate: 8000, range: [-1, 1] } as const;
  const labels = Int32Array.from({ length: size }, (_, clip) => clip % 2);
  return floatDataset(
    { name: 'tiny', split: 'train', spec, size, labels, classNames: ['low', 'high'] },
    values,
  );
}

/** Columns of a tiny table: a number of two modes that may be missing, three categories, two classes. */
const tinyColumns = [
  {
    kind: 'number',
    name: 'length',
    modes: [
      { mean: 1, std: 0.2, weight: 0.5 },
      { mean: 4, std: 0.5, weight: 0.5 },
    ],
    range: [0, 6],
    decimals: 1,
    missing: '',
  },
  { kind: 'category', name: 'colour', values: ['red', 'green', 'blue'] },
  { kind: 'category', name: 'kind', values: ['a', 'b'], label: true },
] as const satisfies readonly TableColumn[];

/** Rows of a table whose columns depend on each other; `kind` is the class. */
export function tinyTable(size: number): Dataset {
  const noise = fillNoise({
    distribution: 'normal',
    seed: 5,
    stream: 'tiny table',
    firstIndex: 0,
    count: size,
    shape: [1],
  });
  const width = rowWidth(tinyColumns);
  const values = new Float32Array(size * width);
  const labels = Int32Array.from({ length: size }, (_, i) => i % 2);
  for (const [row, label] of labels.entries()) {
    const length = row % 7 === 0 ? null : (label === 0 ? 1 : 4) + 0.2 * noise[row]!;
    const colour = tinyColumns[1].values[(row + label) % 3]!;
    const cells = [length, colour, tinyColumns[2].values[label]!];
    encodeRow(cells, tinyColumns, values.subarray(row * width, (row + 1) * width));
  }
  const spec = { kind: 'points', shape: [width], columns: tinyColumns } as const;
  return floatDataset(
    { name: 'tiny', split: 'train', spec, size, labels, classNames: tinyColumns[2].values },
    values,
  );
}

/** What a family is told of the case's data. */
export function describeData({ spec, classNames }: Dataset): DataDescription {
  return { spec, classNames };
}

/** The first examples of a data set. */
export async function firstExamples(dataset: Dataset, count: number): Promise<HostTensor> {
  const { data, shape } = await dataset.gather(Int32Array.from({ length: count }, (_, i) => i));
  return hostTensor('float32', shape, data);
}
