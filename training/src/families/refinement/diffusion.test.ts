import { tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { stepDeviation, stepMean } from './ddim.ts';
import { noiseSchedule, scheduleNames } from './noise-schedule.ts';
import { clipped, mixed, predictionNames, predictions, type Shares } from './prediction.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each(scheduleNames)('schedule %s', (name) => {
  it('goes from the example down to hardly anything of it, and shares sum to 1', () => {
    for (const steps of [10, 1000]) {
      const { signal, noise } = noiseSchedule(name, steps);
      expect(signal).toHaveLength(steps + 1);
      expect([signal[0], noise[0]]).toEqual([1, 0]);
      for (const [k, value] of signal.entries()) {
        expect(value + noise[k]!).toBeCloseTo(1, 12);
        if (k > 0) expect(value).toBeLessThan(signal[k - 1]!);
      }
      expect(signal.at(-1)).toBeLessThan(1e-2);
    }
  });
});

it('the linear schedule is the product of 1 - beta with beta from 1e-4 to 0.02', () => {
  const { signal } = noiseSchedule('linear', 1000);
  expect(signal[1]).toBeCloseTo(1 - 1e-4, 12);
  const logarithm = Array.from({ length: 1000 }, (_, i) => Math.log1p(-(1e-4 + (i / 999) * 0.0199)));
  const sum = (k: number) => logarithm.slice(0, k).reduce((total, value) => total + value, 0);
  for (const k of [2, 100, 1000]) expect(Math.log(signal[k]!)).toBeCloseTo(sum(k), 10);
});

it('the cosine schedule is a squared cosine up to its last step, which adds no more than 0.999', () => {
  const { signal } = noiseSchedule('cosine', 200);
  const f = (k: number) => Math.cos((((k / 200 + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  for (const k of [1, 50, 150, 199]) expect(signal[k]).toBeCloseTo(f(k) / f(0), 12);
  expect(signal[200]! / signal[199]!).toBeCloseTo(0.001, 12);
});

const sharesOf = (signal: number): Shares => ({ signal: tf.scalar(signal), noise: tf.scalar(1 - signal) });
const close = (actual: tf.Tensor, expected: tf.Tensor) => {
  for (const [i, value] of [...expected.dataSync()].entries())
    expect(actual.dataSync()[i]).toBeCloseTo(value, 4);
};

describe.each(predictionNames)('prediction of %s', (name) => {
  it('gives the example and the noise of a mixture back', () => {
    const { target, parts } = predictions[name];
    const true_ = { clean: tf.tensor2d([[0.5, -1.5]]), noise: tf.tensor2d([[1.2, 0.1]]) };
    for (const signal of [0.99, 0.5, 0.01]) {
      const shares = sharesOf(signal);
      const found = parts(mixed(true_, shares), target(true_, shares), shares);
      close(found.clean, true_.clean);
      close(found.noise, true_.noise);
    }
  });
});

it('a clipped example leaves the rest of the mixture to the noise', () => {
  const shares = sharesOf(0.3);
  const parts = { clean: tf.tensor1d([1.7, 0.2]), noise: tf.tensor1d([-0.4, 0.6]) };
  const x = mixed(parts, shares);
  const within = clipped(x, parts, shares);
  close(within.clean, tf.tensor1d([1, 0.2]));
  close(mixed(within, shares), x);
});

describe('steps of a sample', () => {
  const { signal } = noiseSchedule('linear', 1000);
  /** Shares before each of `count` steps and after the last. */
  const path = (count: number) =>
    Array.from({ length: count + 1 }, (_, i) => sharesOf(signal[Math.round(((count - i) * 1000) / count)]!));

  it.each([0, 0.5, 1])('end at the example where there is but one, eta %d', (eta) => {
    const example = tf.tensor1d([0.7, -0.2]);
    const ways = path(12);
    let x: tf.Tensor = tf.tensor1d([1.3, -0.8]);
    for (const [i, from] of ways.slice(0, -1).entries()) {
      const to = ways[i + 1]!;
      const noise = tf.div(tf.sub(x, tf.mul(tf.sqrt(from.signal), example)), tf.sqrt(from.noise));
      const deviation = stepDeviation(from, to, tf.scalar(eta));
      const mean = stepMean({ clean: example, noise }, to, deviation);
      x = tf.add(mean, tf.mul(deviation, tf.tensor1d([0.3 * i - 1, 1 - 0.2 * i])));
    }
    close(x, example);
  });

  it('with eta 1 have the variance of the posterior that DDPM samples by', () => {
    const [from, to] = [sharesOf(0.4), sharesOf(0.55)];
    const beta = 1 - 0.4 / 0.55;
    // beta~ of Ho et al. 2020, eq. 7.
    const expected = Math.sqrt(((1 - 0.55) / (1 - 0.4)) * beta);
    expect(stepDeviation(from, to, tf.scalar(1)).dataSync()[0]).toBeCloseTo(expected, 6);
    // And its mean, by the coefficients of the same equation.
    const parts = { clean: tf.tensor1d([0.8]), noise: tf.tensor1d([-0.5]) };
    const x = mixed(parts, from).dataSync()[0]!;
    const posterior =
      ((Math.sqrt(0.55) * beta) / (1 - 0.4)) * 0.8 + ((Math.sqrt(1 - beta) * (1 - 0.55)) / (1 - 0.4)) * x;
    expect(stepMean(parts, to, tf.scalar(expected)).dataSync()[0]).toBeCloseTo(posterior, 5);
  });

  it.each([
    [0, 500],
    [1, 1000],
  ])('keep a normal distribution of the data, eta %d, %d steps', (eta, count) => {
    const variance = 0.25;
    const ways = path(count);
    /** With the best network noise and example are x times a number: the variance after each step is too. */
    let reached = 1;
    for (const [i, from] of ways.slice(0, -1).entries()) {
      const to = ways[i + 1]!;
      const own = from.signal.dataSync()[0]!;
      const whole = own * variance + 1 - own;
      const parts = {
        clean: tf.scalar((Math.sqrt(own) * variance) / whole),
        noise: tf.scalar(Math.sqrt(1 - own) / whole),
      };
      const deviation = stepDeviation(from, to, tf.scalar(eta));
      const factor = stepMean(parts, to, deviation).dataSync()[0]!;
      reached = factor ** 2 * reached + deviation.dataSync()[0]! ** 2;
    }
    expect(Math.abs(reached / variance - 1)).toBeLessThan(0.05);
  });
});
