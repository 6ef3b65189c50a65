import { tf } from '@generatrix/export';

export interface SplineOptions {
  /** Pieces between the ends: K. */
  readonly bins: number;
  /** Where the tails begin: the spline goes from -bound to bound on both axes. */
  readonly bound: number;
}

/** Numbers that say a spline: widths and heights of the bins, slopes at the knots between them. */
export const splineWidth = ({ bins }: SplineOptions): number => 3 * bins - 1;

/** Least width and height of a bin, as a share of all, and least slope at a knot. */
const [leastShare, leastSlope] = [1e-3, 1e-3];

/**
 * Monotonic rational-quadratic splines with the identity for tails (Durkan et al. 2019, section 3.1 and appendix A.1),
 * element by element: n values x [n] through splines given by raw numbers [n, 3K - 1], all of them zero for the identity.
 * In a bin of width w and height h from (x_k, y_k), with s = h / w, t = (x - x_k) / w and slopes d_k and d_k+1 at its ends:
 *
 *   y = y_k + h (s t^2 + d_k t (1 - t)) / (s + (d_k+1 + d_k - 2 s) t (1 - t))                                  eq. 4
 *   dy/dx = s^2 (d_k+1 t^2 + 2 s t (1 - t) + d_k (1 - t)^2) / (s + (d_k+1 + d_k - 2 s) t (1 - t))^2           eq. 5
 *
 * @returns y and log dy/dx, [n] each
 */
export function splineForward(
  options: SplineOptions,
  raw: tf.Tensor,
  x: tf.Tensor,
): { y: tf.Tensor; logSlope: tf.Tensor } {
  const { bound } = options;
  const knots = knotsOf(options, raw);
  const inside = tf.clipByValue(x, -bound, bound);
  const { left, width, bottom, height, first, last } = binOf(knots, knots.left, inside);
  const s = tf.div(height, width);
  const t = tf.div(tf.sub(inside, left), width);
  const rest = tf.sub(1, t);
  const both = tf.mul(t, rest);
  const bend = tf.sub(tf.add(first, last), tf.mul(2, s));
  const divisor = tf.add(s, tf.mul(bend, both));
  const rise = tf.div(tf.mul(height, tf.add(tf.mul(s, tf.square(t)), tf.mul(first, both))), divisor);
  const slope = tf.addN([
    tf.mul(last, tf.square(t)),
    tf.mul(tf.mul(2, s), both),
    tf.mul(first, tf.square(rest)),
  ]);
  const logSlope = tf.add(tf.log(slope), tf.mul(2, tf.sub(tf.log(s), tf.log(divisor))));
  const tail = tf.greaterEqual(tf.abs(x), bound);
  return { y: tf.where(tail, x, tf.add(bottom, rise)), logSlope: tf.where(tail, tf.zerosLike(x), logSlope) };
}

/** The x that `splineForward` takes to y (eq. 6 to 8), [n]: the root of a quadratic that lies in the bin. */
export function splineInverse(options: SplineOptions, raw: tf.Tensor, y: tf.Tensor): tf.Tensor {
  const { bound } = options;
  const knots = knotsOf(options, raw);
  const inside = tf.clipByValue(y, -bound, bound);
  const { left, width, bottom, height, first, last } = binOf(knots, knots.bottom, inside);
  const s = tf.div(height, width);
  const rise = tf.sub(inside, bottom);
  const bent = tf.mul(rise, tf.sub(tf.add(first, last), tf.mul(2, s)));
  // a t^2 + b t = c, where c is not below 0. Both forms of the root are the same; neither cancels where it is taken.
  const a = tf.add(tf.mul(height, tf.sub(s, first)), bent);
  const b = tf.sub(tf.mul(height, first), bent);
  const c = tf.mul(s, rise);
  const root = tf.sqrt(tf.relu(tf.add(tf.square(b), tf.mul(4, tf.mul(a, c))))); // rounding may take it below 0
  const steady = tf.greaterEqual(b, 0); // else a is above 0
  const one = tf.onesLike(b);
  const t = tf.where(
    steady,
    tf.div(tf.mul(2, c), tf.where(steady, tf.add(b, root), one)),
    tf.div(tf.sub(root, b), tf.mul(2, tf.where(steady, one, a))),
  );
  return tf.where(tf.greaterEqual(tf.abs(y), bound), y, tf.add(left, tf.mul(t, width)));
}

/** Of every bin of every spline, [n, K] each: its left and lower ends, its sizes, the slopes at its two ends. */
interface Knots {
  readonly left: tf.Tensor;
  readonly width: tf.Tensor;
  readonly bottom: tf.Tensor;
  readonly height: tf.Tensor;
  readonly first: tf.Tensor;
  readonly last: tf.Tensor;
}

function knotsOf({ bins, bound }: SplineOptions, raw: tf.Tensor): Knots {
  const [widths, heights, slopes] = tf.split(raw, [bins, bins, bins - 1], 1) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const sizes = (logits: tf.Tensor) =>
    tf.mul(2 * bound, tf.add(leastShare, tf.mul(1 - leastShare * bins, tf.softmax(logits))));
  const starts = (size: tf.Tensor) => tf.sub(tf.cumsum(size, 1, true), bound);
  const [width, height] = [sizes(widths), sizes(heights)];
  // Slopes of 1 where the raw numbers are 0, and at the ends, where the tails go on.
  const inner = tf.add(leastSlope, tf.softplus(tf.add(slopes, Math.log(Math.expm1(1 - leastSlope)))));
  const end = tf.onesLike(tf.slice(inner, [0, 0], [-1, 1]));
  return {
    left: starts(width),
    width,
    bottom: starts(height),
    height,
    first: tf.concat([end, inner], 1),
    last: tf.concat([inner, end], 1),
  };
}

/** What the knots say of the bin that a value lies in, [n] each, by where bins start on its axis: [n, K]. */
function binOf(knots: Knots, starts: tf.Tensor, value: tf.Tensor): Knots {
  const [count, bins] = starts.shape as [number, number];
  const passed = tf.cast(
    tf.greaterEqual(tf.expandDims(value, 1), tf.slice(starts, [0, 1], [count, bins - 1])),
    'float32',
  ); // [n, K - 1]
  const end = tf.slice(passed, [0, 0], [count, 1]);
  const here = tf.mul(
    tf.concat([tf.onesLike(end), passed], 1),
    tf.sub(1, tf.concat([passed, tf.zerosLike(end)], 1)),
  ); // [n, K], one 1
  const at = (of: tf.Tensor) => tf.sum(tf.mul(here, of), 1);
  return {
    left: at(knots.left),
    width: at(knots.width),
    bottom: at(knots.bottom),
    height: at(knots.height),
    first: at(knots.first),
    last: at(knots.last),
  };
}
