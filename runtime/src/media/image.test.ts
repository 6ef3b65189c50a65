import { expect, test } from 'vitest';
import { type HostTensor, hostTensor } from '../program/tensor.ts';
import type { Raster } from './codec.ts';
import { imageGrid } from './image.ts';

const range = [0, 1] as const;

function rows({ width, channels, data }: Raster): number[][] {
  const all = [...data];
  return Array.from({ length: all.length / (width * channels) }, (_, y) =>
    all.slice(y * width * channels, (y + 1) * width * channels),
  );
}

/** Image i is [height, width, 1] full of i, in a range of 0 to 255, so that bytes are image numbers. */
function numbered(count: number, height: number, width: number): HostTensor {
  const size = height * width;
  return hostTensor(
    'float32',
    [count, height, width, 1],
    Array.from({ length: count * size }, (_, i) => 1 + Math.floor(i / size)),
  );
}

test('values become round(255 (v - low) / (high - low)), clamped; NaN is black', () => {
  const values = [-1, -0.5, 0, 0.25, 1, 2, -7, Number.NaN, Infinity, -Infinity];
  const images = hostTensor('float32', [1, 1, values.length, 1], values);
  // By hand for [-1, 1]: 255 * (v + 1) / 2 = 0, 63.75, 127.5, 159.375, 255.
  expect([...imageGrid(images, { range: [-1, 1] }).data]).toEqual([0, 64, 128, 159, 255, 255, 0, 0, 255, 0]);
});

test('five images lie row by row, three to a row, and the last cell is black', () => {
  const grid = imageGrid(numbered(5, 1, 2), { range: [0, 255] });
  expect(grid.width).toBe(6);
  expect(grid.height).toBe(2);
  expect(rows(grid)).toEqual([
    [1, 1, 2, 2, 3, 3],
    [4, 4, 5, 5, 0, 0],
  ]);
});

test('scale repeats pixels exactly, and padding is black space between images alone', () => {
  const images = hostTensor('float32', [2, 2, 1, 1], [10, 20, 30, 40]);
  const grid = imageGrid(images, { range: [0, 255], columns: 2, scale: 2, padding: 1 });
  expect(rows(grid)).toEqual([
    [10, 10, 0, 0, 30, 30],
    [10, 10, 0, 0, 30, 30],
    [20, 20, 0, 0, 40, 40],
    [20, 20, 0, 0, 40, 40],
  ]);
  const column = imageGrid(images, { range: [0, 255], columns: 1, padding: 1 });
  expect(rows(column)).toEqual([[10], [20], [0], [30], [40]]);
});

test('colours stay in order', () => {
  const images = hostTensor('float32', [2, 1, 1, 3], [1, 0, 0, 0, 0.2, 1]);
  expect(rows(imageGrid(images, { range, scale: 2 }))).toEqual([
    [255, 0, 0, 255, 0, 0, 0, 51, 255, 0, 51, 255],
    [255, 0, 0, 255, 0, 0, 0, 51, 255, 0, 51, 255],
  ]);
});

test('more columns than images leave the rest black', () => {
  expect(rows(imageGrid(numbered(1, 1, 1), { range: [0, 255], columns: 3 }))).toEqual([[1, 0, 0]]);
});

test('wrong shapes and options are refused, saying what came', () => {
  const images = numbered(1, 1, 1);
  expect(() => imageGrid(hostTensor('float32', [1, 1, 1, 2], [0, 0]), { range })).toThrow('[1,1,1,2]');
  expect(() => imageGrid(hostTensor('float32', [1, 1], [0]), { range })).toThrow('[1,1]');
  expect(() => imageGrid(images, { range, scale: 0 })).toThrow('scale');
  expect(() => imageGrid(images, { range, columns: 1.5 })).toThrow('columns');
  expect(() => imageGrid(images, { range, padding: -1 })).toThrow('padding');
});
