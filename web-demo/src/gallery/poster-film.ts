import { type Manifest, randomStream } from '@generatrix/runtime/core';
import { normals } from '../panels/directions.ts';
import type { Film } from './film.ts';
import type { Manner } from './manner.ts';

/** Images of a thumbnail: two by two. */
export const shownImages = 4;
/** Points of a thumbnail. */
export const shownPoints = 320;

const steps = 24;

/** Something to look at until the model itself runs: the picture in its bundle, set in motion in the model's manner. */
export function posterFilm(picture: ImageBitmap, manifest: Manifest, manner: Manner): Film | undefined {
  const { data, sample } = manifest;
  const { width, height } = picture;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context || !sample) return undefined;
  context.drawImage(picture, 0, 0);
  const pixels = context.getImageData(0, 0, width, height);
  if (data.kind === 'points') return pointsFilm(pixels, manner);
  if (data.kind !== 'image') return undefined;
  const images = imagesIn(pixels, data, sample.count);
  return images && imagesFilm(images, data, manner);
}

/**
 * The images of a grid, ceil(sqrt(count)) to a row, as bytes; nothing where the picture is no such grid.
 * @returns at most twice as many as a thumbnail shows
 */
export function imagesIn(
  { width, height, data }: Pick<ImageData, 'width' | 'height' | 'data'>,
  { shape: [h, w, channels] }: { readonly shape: readonly [number, number, number] },
  count: number,
): Float32Array[] | undefined {
  const columns = Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const scale = width / (columns * w);
  if (!Number.isInteger(scale) || scale < 1 || height !== rows * h * scale) return undefined;
  return Array.from({ length: Math.min(count, 2 * shownImages) }, (_, i) =>
    Float32Array.from({ length: h * w * channels }, (_, at) => {
      const [pixel, channel] = [Math.floor(at / channels), at % channels];
      const y = (Math.floor(i / columns) * h + Math.floor(pixel / w)) * scale;
      const x = ((i % columns) * w + (pixel % w)) * scale;
      return data[(y * width + x) * 4 + channel]!;
    }),
  );
}

function imagesFilm(
  images: readonly Float32Array[],
  { shape }: { readonly shape: readonly [number, number, number] },
  manner: Manner,
): Film {
  const layout = { shape, range: [0, 255] } as const;
  const first = joined(images.slice(0, shownImages));
  const second = joined(
    images.length >= 2 * shownImages ? images.slice(shownImages) : images.slice(0, shownImages),
  );
  const still = { kind: 'image', layout, pace: 70, hold: 1600 } as const;
  if (manner === 'parts') {
    const [height, row] = [shape[0], shape[1] * shape[2]];
    const frames = Array.from({ length: height }, (_, y) =>
      first.map((value, i) => (Math.floor(i / row) % height <= y ? value : 0)),
    );
    return { ...still, frames, pace: Math.max(40, 1600 / height) };
  }
  if (manner === 'refinement') {
    const noise = normals(1, 'poster', 1, first.length)[0]!;
    const frames = Array.from({ length: steps }, (_, i) => {
      const t = i / (steps - 1);
      return first.map((value, at) => value * t + (127 + 90 * noise[at]!) * (1 - t));
    });
    return { ...still, frames };
  }
  if (manner === 'chain') {
    const random = randomStream(1, 'poster');
    const turn = first.map(() => random.nextUniform() * 0.98);
    const frames = Array.from({ length: steps }, (_, i) =>
      first.map((value, at) => (turn[at]! < i / (steps - 1) ? second[at]! : value)),
    );
    return { ...still, frames };
  }
  return { ...still, frames: acrossFrames(first, second) };
}

/** From one set of values to another and back, evenly: what has no way between its samples is faded. */
export function acrossFrames(first: Float32Array, second: Float32Array): Float32Array[] {
  const there = Array.from({ length: steps / 2 }, (_, i) => {
    const t = i / (steps / 2 - 1);
    return first.map((value, at) => value + (second[at]! - value) * t);
  });
  const rest = Array.from({ length: 8 }, () => second);
  return [...there, ...rest, ...there.toReversed()];
}

/** Points where the picture has ink: its dots have a colour, its axes and numbers have none. */
function pointsFilm({ width, height, data }: ImageData, manner: Manner): Film | undefined {
  const inked: number[] = [];
  for (let i = 0; i < width * height; i += 1) {
    const [r, g, b] = [data[4 * i]!, data[4 * i + 1]!, data[4 * i + 2]!];
    if (Math.max(r, g, b) - Math.min(r, g, b) > 40) inked.push(i);
  }
  if (inked.length === 0) return undefined;
  const random = randomStream(1, 'poster');
  const chosen = Array.from({ length: shownPoints }, () => inked[random.nextInt(inked.length)]!);
  const [xs, ys] = [inked.map((i) => i % width), inked.map((i) => Math.floor(i / width))];
  const [left, right] = [xs.reduce((a, b) => Math.min(a, b)), xs.reduce((a, b) => Math.max(a, b))];
  const [top, bottom] = [ys.reduce((a, b) => Math.min(a, b)), ys.reduce((a, b) => Math.max(a, b))];
  const half = (Math.max(right - left, bottom - top, 1) / 2) * 1.05;
  const end = Float32Array.from(
    chosen.flatMap((i) => [
      ((i % width) - (left + right) / 2) / half,
      ((top + bottom) / 2 - Math.floor(i / width)) / half,
    ]),
  );
  const region = { centre: [0, 0], halfWidth: 1 } as const;
  const whole = { kind: 'points', region, pace: 70, hold: 1800 } as const;
  if (manner === 'draw') return { ...whole, ...arriving(end, end) };
  const start = Float32Array.from(normals(1, 'poster', 1, end.length)[0]!, (value) => value * 0.35);
  const frames = Array.from({ length: steps }, (_, i) => {
    const t = 0.5 - 0.5 * Math.cos((Math.PI * i) / (steps - 1));
    return end.map((value, at) => start[at]! + (value - start[at]!) * t);
  });
  return { ...whole, frames, glides: true };
}

/** Points that fall one after the other: those of the second set take the places of those of the first. */
export function arriving(first: Float32Array, second: Float32Array) {
  const frames = Array.from({ length: steps }, (_, i) => {
    const share = Math.floor(((i + 1) / steps) * (first.length / 2)) * 2;
    const frame = first === second ? new Float32Array(first.length).fill(Number.NaN) : first.slice();
    frame.set(second.subarray(0, share));
    return frame;
  });
  return { frames, glides: false };
}

function joined(images: readonly Float32Array[]): Float32Array {
  const size = images[0]?.length ?? 0;
  const whole = new Float32Array(images.length * size);
  for (const [i, image] of images.entries()) whole.set(image, i * size);
  return whole;
}
