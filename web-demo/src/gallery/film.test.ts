import { expect, test } from 'vitest';
import { endOf, type Film, placeAt } from './film.ts';
import { imagesIn } from './poster-film.ts';

const frames = [0, 1, 2].map((x) => Float32Array.of(x, 0));
const region = { centre: [0, 0], halfWidth: 1 } as const;
const film: Film = { kind: 'points', frames, region, glides: true, pace: 100, hold: 300 };

test.each([
  // elapsed, frame, share: two ways of 100 ms, then the last frame for 300 ms, then anew
  [0, 0, 0],
  [50, 0, 0.5],
  [150, 1, 0.5],
  [200, 2, 0],
  [499, 2, 0],
  [500, 0, 0],
  [575, 0, 0.75],
])('after %d ms a film of three frames is at %d and %d', (elapsed, frame, share) => {
  expect(placeAt(film, elapsed)).toEqual({ frame, share });
});

test('it ends with its last frame', () => {
  expect(endOf(film)).toEqual({ frame: 2, share: 0 });
});

test('images are found in a grid that is drawn twice as large; other pictures hold none', () => {
  // Three images of 1x2 pixels, two to a row: 1 2 | 3 4 above 5 6 | nothing; each pixel is 2x2.
  const cells = [
    [1, 2, 3, 4],
    [5, 6, 0, 0],
  ];
  const [width, height] = [8, 4];
  const data = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i += 1) {
    data[4 * i] = cells[Math.floor(i / width / 2)]![Math.floor((i % width) / 2)]!;
  }
  const layout = { shape: [1, 2, 1] } as const;
  const images = imagesIn({ width, height, data }, layout, 3);
  expect(images?.map((image) => [...image])).toEqual([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  expect(imagesIn({ width: 7, height, data }, layout, 3)).toBeUndefined();
});
