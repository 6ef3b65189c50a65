import { tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type SplineOptions, splineForward, splineInverse, splineWidth } from './spline.ts';

const cases: readonly SplineOptions[] = [
  { bins: 2, bound: 1 },
  { bins: 8, bound: 3 },
  { bins: 16, bound: 5 },
];

/** Raw numbers of one spline. */
const rawOf = (options: SplineOptions, size: number) =>
  fillNoise({
    distribution: 'normal',
    seed: 5,
    stream: 'spline',
    firstIndex: 0,
    count: 1,
    shape: [splineWidth(options)],
  }).map((value) => size * value);

/** One spline at many values. */
function along(options: SplineOptions, raw: ArrayLike<number>, x: readonly number[]) {
  const rows = tf.tile(tf.tensor2d(Float32Array.from(raw), [1, raw.length]), [x.length, 1]);
  const { y, logSlope } = splineForward(options, rows, tf.tensor1d([...x]));
  const back = splineInverse(options, rows, y);
  return { y: [...y.dataSync()], logSlope: [...logSlope.dataSync()], back: [...back.dataSync()] };
}

/** The knots and slopes of a spline in double precision, then its value by Gregory and Delbourgo's formula (eq. 4). */
function byHand({ bins, bound }: SplineOptions, raw: ArrayLike<number>): (x: number) => number {
  const at = (from: number, count: number) => Array.from({ length: count }, (_, i) => raw[from + i]!);
  const ends = (logits: number[]) => {
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    let end = -bound;
    return [
      -bound,
      ...logits.map((logit) => {
        end += 2 * bound * (1e-3 + (1 - 1e-3 * bins) * (Math.exp(logit) / total));
        return end;
      }),
    ];
  };
  const [xs, ys] = [ends(at(0, bins)), ends(at(bins, bins))];
  const inner = at(2 * bins, bins - 1).map(
    (v) => 1e-3 + Math.log1p(Math.exp(v + Math.log(Math.expm1(1 - 1e-3)))),
  );
  const slopes = [1, ...inner, 1];
  return (x) => {
    if (Math.abs(x) > bound) return x;
    const k = Math.min(
      bins - 1,
      Math.max(
        0,
        xs.findLastIndex((left) => left <= x),
      ),
    );
    const [w, h] = [xs[k + 1]! - xs[k]!, ys[k + 1]! - ys[k]!];
    const [s, t] = [h / w, (x - xs[k]!) / w];
    const [d0, d1] = [slopes[k]!, slopes[k + 1]!];
    return ys[k]! + (h * (s * t * t + d0 * t * (1 - t))) / (s + (d1 + d0 - 2 * s) * t * (1 - t));
  };
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each(cases)('%j', (options) => {
  const { bound } = options;
  const grid = Array.from({ length: 401 }, (_, i) => (1.3 * bound * (i - 200)) / 200);
  const raw = rawOf(options, 1.5);

  it('is what its definition says, and its slope what differences of that give', () => {
    const exact = byHand(options, raw);
    const { y, logSlope } = along(options, raw, grid);
    for (const [i, x] of grid.entries()) {
      expect(Math.abs(y[i]! - exact(x))).toBeLessThan(2e-5 * bound);
      const step = 1e-5;
      const [right, left] = [(exact(x + step) - exact(x)) / step, (exact(x) - exact(x - step)) / step];
      // A bend of the slope lies within the step near a knot: between what both sides say.
      const [low, high] = [Math.min(left, right), Math.max(left, right)].map(Math.log) as [number, number];
      expect(logSlope[i]).toBeGreaterThan(low - 5e-3);
      expect(logSlope[i]).toBeLessThan(high + 5e-3);
    }
  });

  it('rises everywhere, comes back from its inverse, and is the identity beyond the tails', () => {
    const { y, logSlope, back } = along(options, raw, grid);
    for (const [i, x] of grid.entries()) {
      if (i > 0) expect(y[i]!).toBeGreaterThan(y[i - 1]!);
      expect(Math.abs(back[i]! - x)).toBeLessThan(1e-4 * bound);
      if (Math.abs(x) > bound) expect([y[i], logSlope[i]]).toEqual([Math.fround(x), 0]);
    }
    const ends = along(options, raw, [-bound, bound]);
    for (const [i, end] of [-bound, bound].entries()) {
      expect(ends.y[i]).toBeCloseTo(end, 4);
      expect(ends.logSlope[i]).toBeCloseTo(0, 3);
    }
  });

  it('of zeros is the identity', () => {
    const { y, logSlope } = along(options, new Float32Array(splineWidth(options)), grid);
    for (const [i, x] of grid.entries()) {
      expect(y[i]).toBeCloseTo(x, 5);
      expect(logSlope[i]).toBeCloseTo(0, 5);
    }
  });

  it('has the gradients that differences give', () => {
    const x = [-0.9, -0.2, 0.31, 0.77].map((share) => share * bound);
    const loss = (numbers: tf.Tensor) => {
      const { y, logSlope } = splineForward(options, tf.tile(numbers, [4, 1]), tf.tensor1d(x));
      return tf.sum(tf.add(y, tf.mul(0.7, logSlope))) as tf.Scalar;
    };
    const gradient = tf
      .grad(loss)(tf.tensor2d(raw, [1, raw.length]))
      .dataSync();
    const exact = (numbers: ArrayLike<number>) => {
      const f = byHand(options, numbers);
      const slope = (at: number) => Math.log((f(at + 1e-5) - f(at - 1e-5)) / 2e-5);
      return x.reduce((sum, at) => sum + f(at) + 0.7 * slope(at), 0);
    };
    for (let i = 0; i < raw.length; i++) {
      const moved = (by: number) => Float64Array.from(raw, (value, j) => value + (j === i ? by : 0));
      const expected = (exact(moved(1e-4)) - exact(moved(-1e-4))) / 2e-4;
      expect(Math.abs(gradient[i]! - expected)).toBeLessThan(2e-3 * Math.max(1, Math.abs(expected)));
    }
  });
});
