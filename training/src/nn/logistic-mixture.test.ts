import { tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type LogisticMixture,
  levelIndex,
  levelValue,
  logisticMixtureDraw,
  logisticMixtureLogProb,
  logisticMixtureWidth,
} from './logistic-mixture.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const mixtures: [string, LogisticMixture][] = [
  ['one channel of 256 levels, 10 components', { components: 10, levels: 256, channels: 1 }],
  ['one channel, one component', { components: 1, levels: 16, channels: 1 }],
  ['three channels of 6 levels, 3 components', { components: 3, levels: 6, channels: 3 }],
];

function parametersOf(mixture: LogisticMixture): Float32Array {
  const width = logisticMixtureWidth(mixture);
  const values = fillNoise({
    distribution: 'normal',
    seed: 9,
    stream: 'p',
    firstIndex: 0,
    count: 1,
    shape: [width],
  });
  // Log scales of about -1: with more the outermost levels would take nearly all.
  const { components: K, channels } = mixture;
  return values.map((value, i) =>
    i >= K * (1 + channels) && i < K * (1 + 2 * channels) ? 0.3 * value - 1 : value,
  );
}

/** Every value of a pixel, numbers of levels: the first channel changes slowest. */
function allPixels({ levels, channels }: LogisticMixture): number[][] {
  return Array.from({ length: levels ** channels }, (_, i) =>
    Array.from({ length: channels }, (_, c) => Math.floor(i / levels ** (channels - 1 - c)) % levels),
  );
}

/** Eq. 2 and 3 as written, number by number in float64. */
function reference(
  { components: K, levels, channels }: LogisticMixture,
  p: Float32Array,
  pixel: number[],
): number {
  const sigma = (t: number) => 1 / (1 + Math.exp(-t));
  const half = 1 / (levels - 1);
  const x = pixel.map((level) => (2 * level) / (levels - 1) - 1);
  const total = Array.from({ length: K }, (_, k) => Math.exp(p[k]!)).reduce((a, b) => a + b, 0);
  let sum = 0;
  for (let k = 0; k < K; k++) {
    const at = (block: number) => p[block * K + k]!;
    let probability = Math.exp(at(0)) / total;
    let pair = 1 + 2 * channels;
    for (let c = 0; c < channels; c++) {
      let mean = at(1 + c);
      for (let earlier = 0; earlier < c; earlier++) mean += Math.tanh(at(pair++)) * x[earlier]!;
      const s = Math.exp(at(1 + channels + c));
      const upper = pixel[c] === levels - 1 ? 1 : sigma((x[c]! + half - mean) / s);
      probability *= upper - (pixel[c] === 0 ? 0 : sigma((x[c]! - half - mean) / s));
    }
    sum += probability;
  }
  return sum;
}

describe.each(mixtures)('logistic mixture, %s', (_, mixture) => {
  const { levels, channels } = mixture;
  const parameters = parametersOf(mixture);
  const pixels = allPixels(mixture);

  const logProbs = (own: tf.Tensor) => {
    const values = levelValue(tf.tensor2d(pixels), levels);
    const rows = tf.tile(tf.reshape(own, [1, -1]), [pixels.length, 1]);
    return logisticMixtureLogProb(mixture, values, rows);
  };

  it('gives all pixels probabilities that add up to 1, those of eq. 2 and 3', () => {
    const values = logProbs(tf.tensor1d(parameters)).dataSync() as Float32Array;
    expect(values.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 5);
    for (const [i, pixel] of pixels.entries()) {
      const expected = reference(mixture, parameters, pixel);
      expect(Math.abs(Math.exp(values[i]!) / expected - 1), `${pixel}`).toBeLessThan(1e-4);
    }
  });

  it('has the gradient that differences show, for every parameter', () => {
    const weights = fillNoise({
      distribution: 'normal',
      seed: 2,
      stream: 'w',
      firstIndex: 0,
      count: pixels.length,
      shape: [],
    });
    const f = (own: tf.Tensor) => tf.sum(tf.mul(logProbs(own), tf.tensor1d(weights))).asScalar();
    const gradient = tf.grad(f)(tf.tensor1d(parameters)).dataSync();
    const score = (own: Float32Array) =>
      pixels.reduce((sum, pixel, i) => sum + weights[i]! * Math.log(reference(mixture, own, pixel)), 0);
    for (const i of parameters.keys()) {
      const step = 2 ** -10;
      const at = (sign: number) =>
        score(parameters.map((value, k) => (k === i ? value + sign * step : value)));
      const difference = (at(1) - at(-1)) / (2 * step);
      // Steps of 1e-3 leave a curvature term of about 1e-6 times the third derivative.
      expect(Math.abs(gradient[i]! - difference)).toBeLessThan(2e-3 * Math.max(1, Math.abs(difference)));
    }
  });

  it('draws pixels with the moments of the distribution', () => {
    const count = 30_000;
    const noise = (stream: string, shape: number[]) =>
      tf.tensor(fillNoise({ distribution: 'uniform', seed: 4, stream, firstIndex: 0, count, shape }), [
        count,
        ...shape,
      ]);
    const drawn = tf.tidy(() =>
      logisticMixtureDraw(
        mixture,
        tf.tile(tf.tensor2d(parameters, [1, parameters.length]), [count, 1]),
        { component: noise('component', []), uniform: noise('uniform', [channels]) },
        tf.scalar(1),
      ).arraySync(),
    ) as number[][];
    const probabilities = pixels.map((pixel) => reference(mixture, parameters, pixel));
    // Means of each channel, of its square, and of products of channels, which conditioning shows in.
    const features: ((pixel: number[]) => number)[] = [];
    for (let c = 0; c < channels; c++) {
      features.push((pixel) => pixel[c]!);
      for (let other = c; other < channels; other++) features.push((pixel) => pixel[c]! * pixel[other]!);
    }
    for (const feature of features) {
      const mean = pixels.reduce((sum, pixel, i) => sum + probabilities[i]! * feature(pixel), 0);
      const square = pixels.reduce((sum, pixel, i) => sum + probabilities[i]! * feature(pixel) ** 2, 0);
      const observed = drawn.reduce((sum, pixel) => sum + feature(pixel), 0) / count;
      // Five standard errors.
      expect(Math.abs(observed - mean)).toBeLessThan(5 * Math.sqrt((square - mean ** 2) / count));
    }
  });
});

it('numbers the nearest level, and gives its value back', () => {
  for (const levels of [2, 5, 256, 65_536]) {
    const all = Float32Array.from({ length: levels }, (_, k) => k);
    expect([...levelIndex(levelValue(tf.tensor1d(all), levels), levels).dataSync()]).toEqual([...all]);
  }
  expect([...levelIndex(tf.tensor1d([-3, -0.6, 0.6, 3]), 3).dataSync()]).toEqual([0, 0, 2, 2]);
});

it('stays finite at scales and means far out, in value and gradient', () => {
  const mixture = { components: 2, levels: 256, channels: 1 };
  const extremes = tf.tensor2d([
    [0, 0, 0.5, -1e4, -16, -100],
    [80, -80, 1e6, 1e6, 40, -40],
  ]);
  const values = tf.tensor2d([[0.2], [-1]]);
  const f = (own: tf.Tensor) => tf.sum(logisticMixtureLogProb(mixture, values, own)).asScalar();
  expect(Number.isFinite(f(extremes).dataSync()[0])).toBe(true);
  expect([...tf.grad(f)(extremes).dataSync()].every(Number.isFinite)).toBe(true);
});
