import { type NamedTensors, tf } from '@generatrix/export';
import { sumExamples } from '../../nn/distributions.ts';
import { inference } from '../../nn/module.ts';
import type { Bijection } from './bijection.ts';
import type { ConditionerBuilder } from './conditioner.ts';
import { cut, type TransformKind, transformOf } from './transform.ts';

/**
 * Coupling layer over two parts of the last axis, [first | second] (Dinh et al. 2014, section 3.2; Dinh et al.
 * 2017, eq. 4 to 8; Durkan et al. 2019, section 2.1), with a monotonic function g of each entry:
 *
 *   y_kept = x_kept,   y_changed = g(x_changed; network of x_kept),   log|det| = sum log dg/dx
 */
export function splitCoupling(
  name: string,
  options: {
    readonly kind: TransformKind;
    readonly widths: readonly [number, number];
    readonly changes: 'first' | 'second';
    readonly conditioner: ConditionerBuilder;
  },
): Bijection {
  const { kind, widths, changes } = options;
  const changed = changes === 'first' ? 0 : 1;
  const width = widths[changed];
  const transform = transformOf(kind, name, width);
  const network = options.conditioner(name, widths[1 - changed]!, transform.outputs * width);
  const parts = (state: NamedTensors, x: tf.Tensor) => {
    const halves = cut(x, widths);
    const kept = halves[1 - changed]!;
    return { kept, target: halves[changed]!, raw: network.apply(state, kept, inference) };
  };
  const join = (kept: tf.Tensor, target: tf.Tensor) =>
    tf.concat(changed === 0 ? [target, kept] : [kept, target], target.rank - 1);
  return {
    specs: { ...network.specs, ...transform.specs },
    forward: (state, x) => {
      const { kept, target, raw } = parts(state, x);
      const { y, logSlope } = transform.forward(state, raw, target);
      return { y: join(kept, y), logDet: logDeterminant(logSlope) };
    },
    inverse: (state, y) => {
      const { kept, target, raw } = parts(state, y);
      return join(kept, transform.inverse(state, raw, target));
    },
  };
}

/**
 * Coupling layer with a binary mask b over an image (Dinh et al. 2017, eq. 9):
 *
 *   y = b x + (1 - b) g(x; network of b x),   log|det| = sum (1 - b) log dg/dx
 *
 * @param mask [h, w, 1] of 0 and 1: 1 is kept
 */
export function maskedCoupling(
  name: string,
  options: {
    readonly kind: TransformKind;
    readonly channels: number;
    readonly mask: () => tf.Tensor;
    readonly conditioner: ConditionerBuilder;
  },
): Bijection {
  const { kind, channels, mask } = options;
  const transform = transformOf(kind, name, channels);
  const network = options.conditioner(name, channels, transform.outputs * channels);
  /** What the network says, 0 where entries are kept, which changes nothing there. */
  const read = (state: NamedTensors, x: tf.Tensor) => {
    const kept = mask();
    return tf.mul(network.apply(state, tf.mul(x, kept), inference), tf.sub(1, kept));
  };
  return {
    specs: { ...network.specs, ...transform.specs },
    forward: (state, x) => {
      const { y, logSlope } = transform.forward(state, read(state, x), x);
      return { y, logDet: logDeterminant(logSlope) };
    },
    inverse: (state, y) => transform.inverse(state, read(state, y), y),
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

function logDeterminant(logSlope: tf.Tensor | null): tf.Tensor {
  return logSlope === null ? tf.scalar(0) : sumExamples(logSlope);
}
