import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../../model/state.ts';
import { type SplineOptions, splineForward, splineInverse, splineWidth } from './spline.ts';

/**
 * What a coupling layer does to each entry that it changes, given what its network says: `additive`, y = x + t (NICE,
 * which keeps volumes); `affine`, y = x exp(s) + t (Real NVP); or a monotonic rational-quadratic spline (Durkan et al.
 * 2019). Where the network says 0, nothing changes.
 */
export type TransformKind = 'additive' | 'affine' | SplineOptions;

/** A monotonic function of each entry. */
export interface Transform {
  readonly specs: StateSpecs;
  /** Numbers that the network says for each changed entry: C. */
  readonly outputs: number;
  /** [batch, ..., width] by raw [batch, ..., C width] to the same, and log dy/dx, or null where volumes are kept. */
  forward(state: NamedTensors, raw: tf.Tensor, x: tf.Tensor): { y: tf.Tensor; logSlope: tf.Tensor | null };
  /** The x that `forward` takes to y. */
  inverse(state: NamedTensors, raw: tf.Tensor, y: tf.Tensor): tf.Tensor;
}

/** @param width of the last axis of what is changed. */
export function transformOf(kind: TransformKind, name: string, width: number): Transform {
  if (kind === 'additive') return additive;
  return kind === 'affine' ? affine(name, width) : spline(kind);
}

const additive: Transform = {
  specs: {},
  outputs: 1,
  forward: (_, raw, x) => ({ y: tf.add(x, raw), logSlope: null }),
  inverse: (_, raw, y) => tf.sub(y, raw),
};

/**
 * s = scale * tanh(raw) with one learned scale for each index of the last axis, which bounds the stretch of a single
 * layer (Dinh et al. 2017, section 4.1).
 */
function affine(name: string, width: number): Transform {
  const read = (state: NamedTensors, raw: tf.Tensor) => {
    const [logScale, shift] = cut(raw, [width, width]);
    return { logScale: tf.mul(state[`${name}/scale`]!, tf.tanh(logScale)), shift };
  };
  return {
    specs: { [`${name}/scale`]: { shape: [width], initial: 1 } },
    outputs: 2,
    forward: (state, raw, x) => {
      const { logScale, shift } = read(state, raw);
      return { y: tf.add(tf.mul(x, tf.exp(logScale)), shift), logSlope: logScale };
    },
    inverse: (state, raw, y) => {
      const { logScale, shift } = read(state, raw);
      return tf.mul(tf.sub(y, shift), tf.exp(tf.neg(logScale)));
    },
  };
}

function spline(options: SplineOptions): Transform {
  const outputs = splineWidth(options);
  const each = (raw: tf.Tensor) => tf.reshape(raw, [-1, outputs]);
  const flat = (x: tf.Tensor) => tf.reshape(x, [-1]);
  return {
    specs: {},
    outputs,
    forward: (_, raw, x) => {
      const { y, logSlope } = splineForward(options, each(raw), flat(x));
      return { y: tf.reshape(y, x.shape), logSlope: tf.reshape(logSlope, x.shape) };
    },
    inverse: (_, raw, y) => tf.reshape(splineInverse(options, each(raw), flat(y)), y.shape),
  };
}

/** Cuts the last axis in two. */
export function cut(x: tf.Tensor, [first, second]: readonly [number, number]): [tf.Tensor, tf.Tensor] {
  const outer = x.shape.slice(0, -1);
  const zeros = outer.map(() => 0);
  return [tf.slice(x, [...zeros, 0], [...outer, first]), tf.slice(x, [...zeros, first], [...outer, second])];
}
