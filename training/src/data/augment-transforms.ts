import type { RandomStream } from '@generatrix/runtime/core';

/** One image: [height, width, channels], row by row. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly data: Float32Array;
}

interface Transform {
  /** What its amount must be; null when it takes none. */
  readonly amount: {
    readonly unit: string;
    readonly expected: string;
    accepts(value: number): boolean;
  } | null;
  /** A new picture; draws from `random` in a fixed order. `fill` is the middle of the range. */
  apply(picture: Picture, amount: number, random: RandomStream, fill: number): Picture;
}

const pixels = {
  unit: 'PIXELS',
  expected: 'a whole number above 0',
  accepts: (value: number) => Number.isSafeInteger(value) && value > 0,
};

/** The random changes of an image that `--augment` knows. */
export const transforms = {
  flip: {
    amount: null,
    apply: (picture, _, random) => (random.nextUniform() < 0.5 ? mirrored(picture) : picture),
  },
  crop: {
    amount: pixels,
    apply: (picture, amount, random) => {
      const [down, right] = [
        random.nextInt(2 * amount + 1) - amount,
        random.nextInt(2 * amount + 1) - amount,
      ];
      return shifted(picture, down, right);
    },
  },
  rotate: {
    amount: {
      unit: 'DEGREES',
      expected: 'a number above 0, at most 180',
      accepts: (value) => value > 0 && value <= 180,
    },
    apply: (picture, amount, random) => rotated(picture, (2 * random.nextUniform() - 1) * amount),
  },
  cutout: {
    amount: pixels,
    apply: (picture, amount, random, fill) => {
      const [y, x] = [random.nextInt(picture.height), random.nextInt(picture.width)];
      return withSquare(picture, y, x, amount, fill);
    },
  },
} as const satisfies Record<string, Transform>;

/** Mirrored left to right. */
export function mirrored(picture: Picture): Picture {
  return resampled(picture, (y, x) => [y, picture.width - 1 - x]);
}

/**
 * Moved so many pixels down and to the right; what comes in is reflected about the edge pixels (numpy.pad's
 * `reflect`): the random crop of He et al. 2016, section 4.2, whose padding of zeros a generator would learn.
 */
export function shifted(picture: Picture, down: number, right: number): Picture {
  return resampled(picture, (y, x) => [
    reflected(y - down, picture.height),
    reflected(x - right, picture.width),
  ]);
}

/**
 * Turned counter-clockwise about its middle by an angle in degrees, bilinear between pixels; outside the image its
 * nearest edge pixel (scipy.ndimage.rotate with order 1, mode nearest, reshape false).
 */
export function rotated(picture: Picture, degrees: number): Picture {
  const { height, width, channels, data } = picture;
  const [cosine, sine] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const [midY, midX] = [(height - 1) / 2, (width - 1) / 2];
  const out = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const fromY = clamp(midY + cosine * (y - midY) + sine * (x - midX), height - 1);
      const fromX = clamp(midX - sine * (y - midY) + cosine * (x - midX), width - 1);
      const [top, left] = [Math.floor(fromY), Math.floor(fromX)];
      const [below, beside] = [Math.min(top + 1, height - 1), Math.min(left + 1, width - 1)];
      const [v, u] = [fromY - top, fromX - left];
      for (let c = 0; c < channels; c++) {
        const at = (row: number, column: number) => data[(row * width + column) * channels + c]!;
        out[(y * width + x) * channels + c] =
          (1 - v) * ((1 - u) * at(top, left) + u * at(top, beside)) +
          v * ((1 - u) * at(below, left) + u * at(below, beside));
      }
    }
  }
  return { ...picture, data: out };
}

/** A square of one value, cut off at the edges, about a pixel (DeVries and Taylor 2017, section 3.2). */
export function withSquare(picture: Picture, y: number, x: number, side: number, fill: number): Picture {
  const { height, width, channels, data } = picture;
  const [top, left] = [y - (side >> 1), x - (side >> 1)];
  const out = data.slice();
  for (let row = Math.max(0, top); row < Math.min(height, top + side); row++) {
    const start = (row * width + Math.max(0, left)) * channels;
    out.fill(fill, start, (row * width + Math.min(width, left + side)) * channels);
  }
  return { ...picture, data: out };
}

function resampled(picture: Picture, source: (y: number, x: number) => [number, number]): Picture {
  const { height, width, channels, data } = picture;
  const out = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [row, column] = source(y, x);
      const from = (row * width + column) * channels;
      const to = (y * width + x) * channels;
      for (let c = 0; c < channels; c++) out[to + c] = data[from + c]!;
    }
  }
  return { ...picture, data: out };
}

/** The position in 0 .. size - 1 that a position less than `size` outside is reflected to. */
function reflected(at: number, size: number): number {
  if (at < 0) return -at;
  return at < size ? at : 2 * (size - 1) - at;
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}
