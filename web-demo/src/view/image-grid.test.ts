import { expect, test } from 'vitest';
import { imageGrid } from './image-grid.ts';

/** The red bytes of the picture as rows; grey pictures have the same green and blue. */
function redRows({ width, pixels }: ReturnType<typeof imageGrid>): number[][] {
  const reds = [...pixels].filter((_, i) => i % 4 === 0);
  return Array.from({ length: reds.length / width }, (_, y) => reds.slice(y * width, (y + 1) * width));
}

test('lays images out row by row, ceil(sqrt(n)) to a row, and leaves the rest black', () => {
  // Five 1x2 images in three columns, values already bytes.
  const picture = imageGrid([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], { shape: [1, 2, 1], range: [0, 255] });
  expect([picture.width, picture.height]).toEqual([6, 2]);
  expect(redRows(picture)).toEqual([
    [1, 2, 3, 4, 5, 6],
    [7, 8, 9, 10, 0, 0],
  ]);
});

test('keeps the rows of an image together', () => {
  const picture = imageGrid([1, 2, 3, 4, 5, 6, 7, 8], { shape: [2, 2, 1], range: [0, 255] });
  expect(redRows(picture)).toEqual([
    [1, 2, 5, 6],
    [3, 4, 7, 8],
  ]);
});

test('keeps colours apart and is opaque everywhere, left-over cells included', () => {
  const picture = imageGrid([10, 20, 30, 40, 50, 60, 70, 80, 90], { shape: [1, 1, 3], range: [0, 255] });
  const opaque = [10, 20, 30, 255, 40, 50, 60, 255, 70, 80, 90, 255, 0, 0, 0, 255];
  expect([...picture.pixels]).toEqual(opaque);
});

test.each([
  // value, range, byte: round(255 (v - low) / (high - low)), halves up, clamped
  [0.5, [0, 1], 128],
  [1 / 510, [0, 1], 1],
  [3 / 510, [0, 1], 2],
  [5 / 510, [0, 1], 3], // half to even would give 2
  [0, [-1, 1], 128],
  [-1, [-1, 1], 0],
  [1, [-1, 1], 255],
  [1.7, [0, 1], 255],
  [-0.3, [0, 1], 0],
  [Number.NaN, [0, 1], 0],
  [Number.POSITIVE_INFINITY, [0, 1], 255],
] as const)('value %d in range %j becomes byte %d', (value, range, byte) => {
  expect(imageGrid([value], { shape: [1, 1, 1], range }).pixels[0]).toBe(byte);
});

test('refuses what it cannot draw', () => {
  expect(() => imageGrid([0, 0], { shape: [1, 1, 2], range: [0, 1] })).toThrow('1 or 3 channels');
  expect(() => imageGrid([0, 0, 0], { shape: [1, 2, 1], range: [0, 1] })).toThrow('no whole number');
});
