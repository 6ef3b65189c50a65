import { tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulliLogProb,
  binarise,
  normalLogProb,
  standardNormalDivergence,
  standardNormalLogProb,
} from './distributions.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('distributions', () => {
  it('the normal density integrates to 1 and has the mean and variance given', () => {
    const x = tf.linspace(-12, 14, 20_001);
    const step = 26 / 20_000;
    const density = tf.exp(normalLogProb(x, tf.scalar(0.7), tf.scalar(Math.log(1.6))));
    const moment = (values: tf.Tensor) => tf.sum(tf.mul(values, density)).dataSync()[0]! * step;
    expect(moment(tf.onesLike(x))).toBeCloseTo(1, 4);
    expect(moment(x)).toBeCloseTo(0.7, 4);
    expect(moment(tf.square(tf.sub(x, 0.7)))).toBeCloseTo(1.6 ** 2, 3);
  });

  it('the two Bernoulli probabilities add up to 1, and extreme logits stay finite', () => {
    const logits = tf.tensor1d([-100, -3, 0, 0.5, 100]);
    const [zero, one] = [0, 1].map((x) => bernoulliLogProb(tf.onesLike(logits).mul(x), logits));
    const total = tf.add(tf.exp(zero!), tf.exp(one!)).dataSync();
    for (const value of total) expect(value).toBeCloseTo(1, 6);
    expect(one!.dataSync()[0]).toBeCloseTo(-100, 4);
    expect(one!.dataSync()[3]).toBeCloseTo(Math.log(1 / (1 + Math.exp(-0.5))), 6);
  });

  it('the divergence from the standard normal is the mean log-ratio of draws', () => {
    const [mean, logStd] = [tf.scalar(0.8), tf.scalar(-0.4)];
    const count = 200_000;
    const eps = tf.tensor1d(
      fillNoise({ distribution: 'normal', seed: 2, stream: 'kl', firstIndex: 0, count, shape: [1] }),
    );
    const z = tf.add(mean, tf.mul(tf.exp(logStd), eps));
    const ratio = tf.sub(normalLogProb(z, mean, logStd), standardNormalLogProb(z));
    const { variance } = tf.moments(ratio);
    const error = Math.sqrt(variance.dataSync()[0]! / count);
    const difference = tf.mean(ratio).dataSync()[0]! - standardNormalDivergence(mean, logStd).dataSync()[0]!;
    expect(Math.abs(difference)).toBeLessThan(4 * error);
    expect(standardNormalDivergence(tf.scalar(0), tf.scalar(0)).dataSync()[0]).toBe(0);
  });

  it('binarisation is 1 as often as the pixel is bright', () => {
    const count = 100_000;
    const uniform = tf.tensor1d(
      fillNoise({ distribution: 'uniform', seed: 2, stream: 'u', firstIndex: 0, count, shape: [1] }),
    );
    for (const brightness of [0, 0.25, 1]) {
      const mean = tf.mean(binarise(tf.fill([count], brightness), uniform)).dataSync()[0]!;
      expect(Math.abs(mean - brightness)).toBeLessThanOrEqual(
        4 * Math.sqrt((brightness * (1 - brightness)) / count),
      );
    }
  });
});
