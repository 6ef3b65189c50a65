import { expect, it } from 'vitest';
import { toValues } from './own-images.ts';

const spec = (channels: number, range: [number, number]) =>
  ({ kind: 'image', shape: [1, 2, channels], range }) as const;

it('colours keep their channels, in the range of the model', () => {
  const pixels = [255, 0, 51, 255, 0, 255, 102, 255];
  const values = toValues(pixels, spec(3, [-1, 1]));
  // Byte b becomes 2 b / 255 - 1.
  for (const [i, expected] of [1, -1, -0.6, -1, 1, -0.2].entries())
    expect(values[i]).toBeCloseTo(expected, 6);
});

it('grey is the luminance of ITU-R BT.709', () => {
  const values = toValues([255, 255, 255, 255, 255, 0, 0, 255], spec(1, [0, 1]));
  expect(values[0]).toBeCloseTo(1, 6);
  expect(values[1]).toBeCloseTo(0.2126, 6);
});
