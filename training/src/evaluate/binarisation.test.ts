import { hostTensor, type Manifest } from '@generatrix/runtime/core';
import { expect, test } from 'vitest';
import { floatDataset } from '../data/index.ts';
import { binarised, binarises, isTwoValued } from './binarisation.ts';

const spec = { kind: 'image', shape: [2, 2, 1], range: [-1, 1] } as const;

test('values become ends of the range with the probability of their place in it, the same way each time', async () => {
  const size = 4000;
  const values = Float32Array.from({ length: 4 * size }, (_, at) => [-1, -0.5, 0.5, 1][at % 4]!);
  const fields = { name: 'four', split: 'train', spec, size, labels: null, classNames: [] } as const;
  const data = binarised(floatDataset(fields, values), 3);
  const all = await data.gather(Int32Array.from({ length: size }, (_, i) => i));
  expect(isTwoValued(all, spec.range)).toBe(true);
  const upper = [0, 1, 2, 3].map(
    (place) => all.data.filter((value: number, at: number) => at % 4 === place && value === 1).length / size,
  );
  // Standard deviation sqrt(0.25 * 0.75 / 4000) = 0.007.
  expect(upper[0]).toBe(0);
  expect(Math.abs(upper[1]! - 0.25)).toBeLessThan(0.03);
  expect(Math.abs(upper[2]! - 0.75)).toBeLessThan(0.03);
  expect(upper[3]).toBe(1);
  const some = await data.gather([7, 3]);
  expect([...some.data]).toEqual([...all.data.subarray(28, 32), ...all.data.subarray(12, 16)]);
});

test('grey values and means are not of two values', () => {
  expect(isTwoValued(hostTensor('float32', [1, 2], [-1, 1]), spec.range)).toBe(true);
  expect(isTwoValued(hostTensor('float32', [1, 2], [-1, 0.99]), spec.range)).toBe(false);
});

test('a bundle says that it binarises by uniform noise that belongs to the example', () => {
  const manifest = (name: string, input: string, more: object) =>
    ({
      data: spec,
      programs: {
        [name]: {
          inputs: {
            [input]: { role: 'noise', dtype: 'float32', distribution: 'uniform', shape: [2, 2, 1], ...more },
          },
        },
      },
    }) as unknown as Manifest;
  expect(binarises(manifest('logProb', 'u', { belongsTo: 'example' }))).toBe(true);
  expect(binarises(manifest('logWeight', 'uniform', { belongsTo: 'estimate' }))).toBe(false);
  // Of an earlier release, which said nothing.
  expect(binarises(manifest('logWeight', 'uniform', {}))).toBe(true);
  expect(binarises(manifest('logWeight', 'eps', { distribution: 'normal' }))).toBe(false);
  expect(binarises(manifest('sample', 'uniform', {}))).toBe(false);
});
