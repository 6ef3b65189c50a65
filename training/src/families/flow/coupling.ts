import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../../model/state.ts';
import { sumExamples } from '../../nn/distributions.ts';
import { inference } from '../../nn/module.ts';
import type { Bijection } from './bijection.ts';
import type { ConditionerBuilder } from './conditioner.ts';

/** `additive`: y = x + t (NICE, which keeps volumes); `affine`: y = x exp(s) + t (Real NVP). */
export type CouplingKind = 'additive' | 'affine';

/** Scale and shift of the changed entries, from what the network says: s is null where volumes are kept. */
interface ScaleShift {
  readonly specs: StateSpecs;
  /** Network outputs for each changed entry. */
  readonly outputs: number;
  read(state: NamedTensors, raw: tf.Tensor): { logScale: tf.Tensor | null; shift: tf.Tensor };
}

/**
 * For `affine`, s = scale * tanh(raw) with one learned scale for each index of the last axis, which bounds the
 * stretch of a single layer (Dinh et al. 2017, section 4.1).
 */
function scaleShiftOf(kind: CouplingKind, name: string, width: number): ScaleShift {
  if (kind === 'additive') {
    return { specs: {}, outputs: 1, read: (_, raw) => ({ logScale: null, shift: raw }) };
  }
  return {
    specs: { [`${name}/scale`]: { shape: [width], initial: 1 } },
    outputs: 2,
    read: (state, raw) => {
      const [logScale, shift] = cut(raw, [width, width]);
      return { logScale: tf.mul(state[`${name}/scale`]!, tf.tanh(logScale)), shift };
    },
  };
}

/** Cuts the last axis in two. */
export function cut(x: tf.Tensor, [first, second]: readonly [number, number]): [tf.Tensor, tf.Tensor] {
  const outer = x.shape.slice(0, -1);
  const zeros = outer.map(() => 0);
  return [tf.slice(x, [...zeros, 0], [...outer, first]), tf.slice(x, [...zeros, first], [...outer, second])];
}

/**
 * Coupling layer over two parts of the last axis, [first | second] (Dinh et al. 2014, section 3.2; Dinh et al.
 * 2017, eq. 4 to 8):
 *
 *   y_kept = x_kept,   y_changed = x_changed * exp(s(x_kept)) + t(x_kept),   log|det| = sum s
 */
export function splitCoupling(
  name: string,
  options: {
    readonly kind: CouplingKind;
    readonly widths: readonly [number, number];
    readonly changes: 'first' | 'second';
    readonly conditioner: ConditionerBuilder;
  },
): Bijection {
  const { kind, widths, changes } = options;
  const changed = changes === 'first' ? 0 : 1;
  const width = widths[changed];
  const scaleShift = scaleShiftOf(kind, name, width);
  const network = options.conditioner(name, widths[1 - changed]!, scaleShift.outputs * width);
  const parts = (state: NamedTensors, x: tf.Tensor) => {
    const halves = cut(x, widths);
    const kept = halves[1 - changed]!;
    return {
      kept,
      target: halves[changed]!,
      ...scaleShift.read(state, network.apply(state, kept, inference)),
    };
  };
  const join = (kept: tf.Tensor, target: tf.Tensor) =>
    tf.concat(changed === 0 ? [target, kept] : [kept, target], target.rank - 1);
  return {
    specs: { ...network.specs, ...scaleShift.specs },
    forward: (state, x) => {
      const { kept, target, logScale, shift } = parts(state, x);
      return { y: join(kept, stretch(target, logScale, shift)), logDet: logDeterminant(logScale) };
    },
    inverse: (state, y) => {
      const { kept, target, logScale, shift } = parts(state, y);
      return join(kept, unstretch(target, logScale, shift));
    },
  };
}

/**
 * Coupling layer with a binary mask b over an image (Dinh et al. 2017, eq. 9):
 *
 *   y = b x + (1 - b) (x exp(s(b x)) + t(b x)),   log|det| = sum (1 - b) s
 *
 * @param mask [h, w, 1] of 0 and 1: 1 is kept
 */
export function maskedCoupling(
  name: string,
  options: {
    readonly kind: CouplingKind;
    readonly channels: number;
    readonly mask: () => tf.Tensor;
    readonly conditioner: ConditionerBuilder;
  },
): Bijection {
  const { kind, channels, mask } = options;
  const scaleShift = scaleShiftOf(kind, name, channels);
  const network = options.conditioner(name, channels, scaleShift.outputs * channels);
  const read = (state: NamedTensors, x: tf.Tensor) => {
    const kept = mask();
    const { logScale, shift } = scaleShift.read(state, network.apply(state, tf.mul(x, kept), inference));
    const open = tf.sub(1, kept);
    return { logScale: logScale === null ? null : tf.mul(logScale, open), shift: tf.mul(shift, open) };
  };
  return {
    specs: { ...network.specs, ...scaleShift.specs },
    forward: (state, x) => {
      const { logScale, shift } = read(state, x);
      return { y: stretch(x, logScale, shift), logDet: logDeterminant(logScale) };
    },
    inverse: (state, y) => {
      const { logScale, shift } = read(state, y);
      return unstretch(y, logScale, shift);
    },
  };
}

/** 1 where row + column is even (or, inverted, odd): [h, w, 1] (Dinh et al. 2017, section 3.4 and figure 3). */
export function checkerboardMask(height: number, width: number, inverted: boolean): tf.Tensor {
  const values = Float32Array.from({ length: height * width }, (_, i) => {
    const even = (Math.floor(i / width) + (i % width)) % 2 === 0;
    return even !== inverted ? 1 : 0;
  });
  return tf.tensor(values, [height, width, 1]);
}

function stretch(x: tf.Tensor, logScale: tf.Tensor | null, shift: tf.Tensor): tf.Tensor {
  return tf.add(logScale === null ? x : tf.mul(x, tf.exp(logScale)), shift);
}

function unstretch(y: tf.Tensor, logScale: tf.Tensor | null, shift: tf.Tensor): tf.Tensor {
  const moved = tf.sub(y, shift);
  return logScale === null ? moved : tf.mul(moved, tf.exp(tf.neg(logScale)));
}

function logDeterminant(logScale: tf.Tensor | null): tf.Tensor {
  return logScale === null ? tf.scalar(0) : sumExamples(logScale);
}
