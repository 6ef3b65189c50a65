import { tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  borderedLogit,
  borderedSigmoid,
  dequantisationLogDet,
  dequantise,
  undequantise,
} from './dequantise.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const uniform = (count: number) =>
  tf.tensor1d(
    fillNoise({ distribution: 'uniform', seed: 5, stream: 'test', firstIndex: 0, count, shape: [1] }),
  );
const largest = (x: tf.Tensor) => tf.max(tf.abs(x)).dataSync()[0]!;

describe.each([
  { range: [0, 1], levels: 256 },
  { range: [-1, 1], levels: 256 },
  { range: [0, 1], levels: 2 },
] as const)('levels $levels of $range', (quantisation) => {
  const [low, high] = quantisation.range;
  const { levels } = quantisation;
  const values = tf.tensor1d(
    Array.from({ length: levels }, (_, k) => low + ((high - low) * k) / (levels - 1)),
  );

  it('spreads every level over its own bin of the unit interval, up to the largest noise there is', () => {
    for (const u of [0, 0.5, 1 - 2 ** -24]) {
      const y = dequantise(values, tf.fill([levels], u), quantisation).dataSync();
      // The sum k + u has 16 bits after the point at most, so u just under 1 may round up to the next level.
      for (const [k, value] of y.entries()) expect(Math.abs(value * levels - (k + u))).toBeLessThan(2 ** -16);
    }
  });

  it('is undone at the middle of the bins, and stays in range beyond', () => {
    const back = undequantise(dequantise(values, 0.5, quantisation), quantisation);
    expect(largest(tf.sub(back, values))).toBeLessThan(1e-5);
    expect([...undequantise(tf.tensor1d([-3, 4]), quantisation).dataSync()]).toEqual([low, high]);
  });

  it('rounding what comes back gives the level that the point fell in', () => {
    const y = uniform(2000);
    const level = tf.mul(tf.sub(undequantise(y, quantisation), low), (levels - 1) / (high - low)).dataSync();
    for (const [i, value] of y.dataSync().entries()) {
      // Half a level is where rounding turns; float32 may fall on either side of it.
      if (Math.abs(value * levels - Math.round(value * levels)) < 1e-3) continue;
      expect(Math.round(level[i]!)).toBe(Math.floor(value * levels));
    }
  });
});

describe('the logit', () => {
  const alpha = 0.05;

  it('has the log-determinant of its slope, by differentiation', () => {
    const y = tf.tensor2d([0, 0.001, 0.3, 0.5, 0.77, 1], [6, 1]);
    const slope = tf.grad((x) => tf.sum(borderedLogit(x, alpha).y))(y);
    expect(largest(tf.sub(borderedLogit(y, alpha).logDet, tf.log(tf.reshape(slope, [6]))))).toBeLessThan(
      1e-5,
    );
  });

  it('is finite on the border and inverted by the sigmoid', () => {
    const y = tf.tensor2d([0, 1 - 2 ** -24, 1, 0.25], [4, 1]);
    expect(largest(tf.sub(borderedSigmoid(borderedLogit(y, alpha).y, alpha), y))).toBeLessThan(1e-6);
  });
});

it('uniform 8-bit noise costs 8 bits and the border through the logit: its Jacobian undoes the logistic density', () => {
  const alpha = 0.05;
  const [count, dimensions] = [50, 16];
  const y = tf.reshape(uniform(count * dimensions), [count, dimensions]);
  const logit = borderedLogit(y, alpha);
  // If s is uniform on (0, 1), its logit w has the logistic density e^w / (1 + e^w)^2; y fills 1 - 2 alpha of s.
  const w = logit.y;
  const logistic = tf.sum(tf.sub(w, tf.mul(2, tf.log(tf.add(1, tf.exp(w))))), 1);
  const nats = tf.add(tf.add(logistic, logit.logDet), dequantisationLogDet(dimensions, 256));
  const bits = tf.div(nats, -dimensions * Math.LN2).dataSync();
  for (const value of bits) expect(value).toBeCloseTo(8 - Math.log2(1 - 2 * alpha), 5);
});
