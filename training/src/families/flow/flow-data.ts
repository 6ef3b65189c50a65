import { tf } from '@generatrix/export';
import { type DataSpec, sizeOf } from '@generatrix/runtime/core';
import {
  borderedLogit,
  borderedSigmoid,
  dequantisationLogDet,
  dequantise,
  undequantise,
} from '../../nn/dequantise.ts';

/** How examples become what a flow models, and back. */
export interface Preprocessing {
  /** Are values whole levels, which noise spreads out? */
  readonly discrete: boolean;
  /**
   * Examples to the flow's side, and log |det|: a scalar or [batch], nats of the discrete data where there are
   * levels. Without noise, values stand at the middle of their level.
   */
  forward(x: tf.Tensor, uniform: tf.Tensor | undefined): { y: tf.Tensor; logDet: tf.Tensor };
  inverse(y: tf.Tensor): tf.Tensor;
  /** One value as `forward` maps it without noise, and the variance that the noise would give it. */
  moments(value: number): { readonly mean: number; readonly variance: number };
}

/** Dequantisation for images, with the logit unless `alpha` is null; points are left as they are. */
export function preprocessingOf(
  spec: DataSpec,
  { levels, alpha }: { readonly levels: number; readonly alpha: number | null },
): Preprocessing {
  if (spec.kind !== 'image') {
    return {
      discrete: false,
      forward: (x) => ({ y: x, logDet: tf.scalar(0) }),
      inverse: (y) => y,
      moments: (mean) => ({ mean, variance: 0 }),
    };
  }
  const quantisation = { range: spec.range, levels };
  const [low, high] = spec.range;
  const fromLevels = dequantisationLogDet(sizeOf(spec.shape), levels);
  // A uniform distribution of width 1 / levels.
  const spread = 1 / (12 * levels ** 2);
  return {
    discrete: true,
    forward: (x, uniform) => {
      const unit = dequantise(x, uniform ?? 0.5, quantisation);
      if (alpha === null) return { y: unit, logDet: tf.scalar(fromLevels) };
      const { y, logDet } = borderedLogit(unit, alpha);
      return { y, logDet: tf.add(logDet, fromLevels) };
    },
    inverse: (y) => undequantise(alpha === null ? y : borderedSigmoid(y, alpha), quantisation),
    moments: (value) => {
      const level = Math.round(((value - low) / (high - low)) * (levels - 1));
      const unit = (Math.min(levels - 1, Math.max(0, level)) + 0.5) / levels;
      if (alpha === null) return { mean: unit, variance: spread };
      const s = alpha + (1 - 2 * alpha) * unit;
      const slope = (1 - 2 * alpha) / (s * (1 - s));
      return { mean: Math.log(s / (1 - s)), variance: spread * slope ** 2 };
    },
  };
}
