import { spawnSync } from 'node:child_process';
import { type DataSpec, hostTensor } from '@generatrix/runtime/core';
import { describe, expect, it } from 'vitest';
import { augmentation, parseAugmentation } from './augment.ts';
import { mirrored, rotated, shifted, withSquare } from './augment-transforms.ts';

const image: DataSpec = { kind: 'image', shape: [5, 7, 3], range: [0, 1] };
const area = 5 * 7 * 3;
/** Examples whose pixels all differ. */
const batchOf = (indices: readonly number[]) =>
  hostTensor(
    'float32',
    [indices.length, 5, 7, 3],
    indices.flatMap((index) => Array.from({ length: area }, (_, k) => ((k * 37 + index * 11) % 101) / 101)),
  );
const picture = (height: number, width: number, values: readonly number[]) => ({
  height,
  width,
  channels: 1,
  data: Float32Array.from(values),
});
const row = (data: Float32Array, at: number) => [...data.subarray(at * area, (at + 1) * area)];

describe('the changes, one by one', () => {
  const two = picture(2, 3, [1, 2, 3, 4, 5, 6]);

  it('mirrors left to right', () => {
    expect([...mirrored(two).data]).toEqual([3, 2, 1, 6, 5, 4]);
  });

  it('shifts down and right, reflecting about the edge pixel', () => {
    // numpy.pad([[1,2,3],[4,5,6]], 1, 'reflect') is [[5,4,5,6,5],[2,1,2,3,2],[5,4,5,6,5],[2,1,2,3,2]].
    expect([...shifted(two, 1, 1).data]).toEqual([5, 4, 5, 2, 1, 2]);
    expect([...shifted(two, -1, -1).data]).toEqual([5, 6, 5, 2, 3, 2]);
    expect([...shifted(two, 0, 2).data]).toEqual([3, 2, 1, 6, 5, 4]);
  });

  it('cuts a square about a pixel, and what is left of it at an edge', () => {
    const grey = picture(3, 4, Array(12).fill(1));
    expect([...withSquare(grey, 1, 1, 2, 0.5).data]).toEqual([0.5, 0.5, 1, 1, 0.5, 0.5, 1, 1, 1, 1, 1, 1]);
    expect([...withSquare(grey, 2, 3, 3, 0).data]).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0]);
  });

  it('turns a square by a right angle exactly, counter-clockwise', () => {
    const square = picture(3, 3, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const turned = [...rotated(square, 90).data].map((value) => Math.round(1e5 * value) / 1e5);
    expect(turned).toEqual([3, 6, 9, 2, 5, 8, 1, 4, 7]);
  });

  it('turns as scipy.ndimage.rotate does', () => {
    const script = `
import json, sys, numpy, scipy.ndimage
a = json.load(sys.stdin)
x = numpy.array(a['data']).reshape(5, 7)
print(json.dumps(scipy.ndimage.rotate(x, a['degrees'], reshape=False, order=1, mode='nearest').ravel().tolist()))`;
    const data = row(batchOf([0]).data as Float32Array, 0).slice(0, 35);
    for (const degrees of [10, -33.5, 170]) {
      const python = spawnSync('python3', ['-c', script], {
        input: JSON.stringify({ data, degrees }),
        encoding: 'utf8',
      });
      if (python.status !== 0) {
        console.log('skipped: comparing with scipy.ndimage.rotate, since python3 has no module scipy');
        return;
      }
      const theirs = JSON.parse(python.stdout) as number[];
      const ours = [...rotated(picture(5, 7, data), degrees).data];
      for (const [k, value] of ours.entries()) expect(value).toBeCloseTo(theirs[k]!, 5);
    }
  });
});

describe('an augmentation', () => {
  const all = 'flip,crop:2,rotate:10,cutout:2';

  it('gives an example the same in any batch, and another in another epoch or under another seed', () => {
    const augment = augmentation(all, image, 3);
    const together = augment(batchOf([4, 9, 2]), [4, 9, 2], 1).data as Float32Array;
    const alone = augment(batchOf([9]), [9], 1).data as Float32Array;
    expect(row(together, 1)).toEqual(row(alone, 0));
    expect(row(augment(batchOf([9]), [9], 2).data as Float32Array, 0)).not.toEqual(row(alone, 0));
    const other = augmentation(all, image, 4)(batchOf([9]), [9], 1).data as Float32Array;
    expect(row(other, 0)).not.toEqual(row(alone, 0));
  });

  it('leaves the examples that it is given as they are', () => {
    const batch = batchOf([1]);
    augmentation(all, image, 3)(batch, [1], 0);
    expect(batch).toEqual(batchOf([1]));
  });

  it('mirrors half of the images, and takes every shift alike often', () => {
    const indices = Array.from({ length: 2000 }, (_, i) => i);
    const one = { ...image, shape: [1, 3, 1] } as const;
    const tall = { ...image, shape: [9, 2, 1] } as const;
    const same = hostTensor(
      'float32',
      [2000, 1, 3, 1],
      indices.flatMap(() => [0, 0.5, 1]),
    );
    const flips = augmentation('flip', one, 1)(same, indices, 0).data;
    const share = indices.filter((i) => flips[3 * i] === 1).length / 2000;
    expect(Math.abs(share - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / 2000));
    // Rows 0..8 of a 9x2 image: its middle row says how far it moved.
    const ramp = hostTensor(
      'float32',
      [2000, 9, 2, 1],
      indices.flatMap(() => Array.from({ length: 18 }, (_, k) => k >> 1)),
    );
    const moved = augmentation('crop:1', tall, 1)(ramp, indices, 0).data;
    const counts = [3, 4, 5].map((value) => indices.filter((i) => moved[18 * i + 8] === value).length);
    expect(counts.reduce((a, b) => a + b)).toBe(2000);
    const chiSquared = counts.reduce((sum, count) => sum + (count - 2000 / 3) ** 2 / (2000 / 3), 0);
    expect(chiSquared).toBeLessThan(13.8); // 0.1 % of the distribution with 2 degrees of freedom
  });

  it('a change draws the same whatever stands beside it', () => {
    const flips = augmentation('flip', image, 3)(batchOf([5, 6, 7, 8]), [5, 6, 7, 8], 0).data as Float32Array;
    const augmented = augmentation('flip,cutout:1', image, 3)(batchOf([5, 6, 7, 8]), [5, 6, 7, 8], 0);
    const differing = flips.filter((value, k) => value !== augmented.data[k]).length;
    expect(differing).toBeLessThanOrEqual(4 * 3);
  });

  it('is nothing when none is asked for', () => {
    const batch = batchOf([0]);
    expect(augmentation(undefined, { kind: 'points', shape: [2] }, 1)(batch, [0], 0)).toBe(batch);
  });
});

it.each([
  ['flop', /expected flip, crop, rotate, cutout joined by commas, found 'flop'/],
  ['', /found ''/],
  ['toString', /found 'toString'/],
  ['flip:2', /flip takes no amount/],
  ['crop', /expected crop:PIXELS with a whole number above 0/],
  ['crop:0', /above 0/],
  ['crop:1.5', /whole number/],
  ['crop:1:2', /found 'crop:1:2'/],
  ['rotate:181', /rotate:DEGREES with a number above 0, at most 180/],
  ['rotate:NaN', /rotate:DEGREES/],
  ['flip,flip', /flip is there twice/],
])('--augment %j is refused in one line', (text, line) => {
  expect(() => parseAugmentation(text)).toThrow(line);
  expect(() => parseAugmentation(text)).not.toThrow(/\n/);
});

it('refuses data that are no images, and amounts as large as the image', () => {
  expect(() => augmentation('flip', { kind: 'points', shape: [2] }, 1)).toThrow(/this data is points/);
  expect(() => augmentation('crop:5', image, 1)).toThrow(/crop:5: expected less than the image's 5 pixels/);
  expect(() => augmentation('crop:4,cutout:4', image, 1)).not.toThrow();
});
