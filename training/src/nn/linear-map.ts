import { tf } from '@generatrix/export';
import { sizeOf } from '@generatrix/runtime/core';
import type { StateSpecs } from '../model/state.ts';
import { type Fans, type Initial, zeros } from './initial-values.ts';
import type { Module } from './module.ts';
import { spectrallyNormalised, spectralSpecs } from './spectral-normalisation.ts';

/** What dense layers and convolutions have in common. */
export interface LinearOptions {
  /** False leaves the bias out: where a normalisation follows, or the loss does not depend on it. Default true. */
  readonly bias?: boolean;
  /** Of the kernel; each layer says its default. */
  readonly initial?: Initial;
  /** Of the bias; zeros when absent. */
  readonly biasInitial?: Initial;
  /** Divides the kernel by its largest singular value (Miyato et al. 2018); not with a mask. */
  readonly spectral?: boolean;
  /** What the kernel is multiplied by, of its shape or one that broadcasts to it, made where it is used. */
  readonly mask?: () => tf.Tensor;
}

/** The shapes of a linear map, and the map itself. */
interface LinearMap {
  readonly shape: readonly number[];
  readonly outputs: number;
  readonly fans: Fans;
  readonly initial: Initial;
  readonly map: (x: tf.Tensor, kernel: tf.Tensor) => tf.Tensor;
}

/** A linear map with `name/kernel` and `name/bias`, the bias added along the last axis. */
export function linearMap(name: string, linear: LinearMap, options: LinearOptions): Module {
  const { shape, outputs, fans, map } = linear;
  const { bias = true, initial = linear.initial, biasInitial = zeros, spectral = false, mask } = options;
  if (spectral && mask !== undefined)
    throw new Error(`layer '${name}': spectral normalisation reads the kernel without its mask`);
  const columns = shape.at(-1)!;
  const specs: StateSpecs = {
    [`${name}/kernel`]: { shape, initial: initial(fans) },
    ...(bias ? { [`${name}/bias`]: { shape: [outputs], initial: biasInitial(fans) } } : {}),
    ...(spectral ? spectralSpecs(name, sizeOf(shape) / columns, columns) : {}),
  };
  return {
    specs,
    apply: (state, x) => {
      const raw = state[`${name}/kernel`]!;
      const masked = mask === undefined ? raw : tf.mul(raw, mask());
      const y = map(x, spectral ? spectrallyNormalised(state, name, masked) : masked);
      return bias ? tf.add(y, state[`${name}/bias`]!) : y;
    },
  };
}
