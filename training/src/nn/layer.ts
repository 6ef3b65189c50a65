import { type NamedTensors, tf } from '@generatrix/export';
import { sizeOf } from '@generatrix/runtime/core';
import type { StateSpecs } from '../model/state.ts';
import { applyNormalisation, type NormalisationKind, normalisationSpecs } from './normalisation.ts';
import { spectrallyNormalised, spectralSpecs } from './spectral-normalisation.ts';

/** How a network is being run: what its normalisations read, and where they leave what they measured. */
export interface Pass {
  /** Training normalises by the batch's own statistics, otherwise by the running ones of the state. */
  readonly training: boolean;
  /** Filled by a training pass: the batch's statistics, under the names of the running ones. */
  readonly moments: NamedTensors;
  /** The reference batch of virtual batch normalisation. */
  readonly reference?: ReferenceBatch;
}

/** Statistics of a fixed batch, by the layers' names. */
export interface ReferenceBatch {
  /** Number of its examples. */
  readonly size: number;
  /** Filled while the reference batch itself passes, read when others do. */
  readonly moments: NamedTensors;
  /** True while the reference batch itself passes. */
  readonly recording: boolean;
}

/** A pass that starts with nothing measured. */
export function newPass(training: boolean): Pass {
  return { training, moments: {} };
}

/** One linear map with what follows it but the activation. */
export interface Layer {
  /** What the optimizer changes. */
  readonly parameters: StateSpecs;
  /** What the step changes by other rules: running statistics, vectors of the power iteration. */
  readonly statistics: StateSpecs;
  apply(state: NamedTensors, x: tf.Tensor, pass: Pass): tf.Tensor;
}

export interface LayerOptions {
  /** `spectral` divides the kernel by its largest singular value, the others act on the outputs. */
  readonly normalisation: NormalisationKind | 'spectral';
  /** Standard deviation of the kernel's normal initial values; Glorot-uniform when absent. */
  readonly std?: number;
  /** False leaves the bias out, for a map whose loss does not depend on it; true when absent. */
  readonly bias?: boolean;
}

/** Fully connected: [batch, inputs] to [batch, outputs]. */
export function denseLayer(name: string, inputs: number, outputs: number, options: LayerOptions): Layer {
  const fans = inputs + outputs;
  return layer(name, [inputs, outputs], outputs, fans, options, (x, kernel) =>
    tf.matMul(x as tf.Tensor2D, kernel as tf.Tensor2D),
  );
}

/** Strided convolution with 'same' padding: [batch, h, w, inputs] to [batch, ceil(h/2), ceil(w/2), outputs]. */
export function stridedLayer(
  name: string,
  size: number,
  [inputs, outputs]: readonly [number, number],
  options: LayerOptions,
): Layer {
  const fans = size * size * (inputs + outputs);
  return layer(name, [size, size, inputs, outputs], outputs, fans, options, (x, kernel) =>
    tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, 2, 'same'),
  );
}

/** Fractionally strided convolution: [batch, ceil(h/2), ceil(w/2), inputs] to [batch, h, w, outputs]. */
export function fractionallyStridedLayer(
  name: string,
  size: number,
  [inputs, outputs]: readonly [number, number],
  [height, width]: readonly [number, number],
  options: LayerOptions,
): Layer {
  const fans = size * size * (inputs + outputs);
  return layer(name, [size, size, outputs, inputs], outputs, fans, options, (x, kernel) =>
    tf.conv2dTranspose(
      x as tf.Tensor4D,
      kernel as tf.Tensor4D,
      [x.shape[0]!, height, width, outputs],
      2,
      'same',
    ),
  );
}

/** Normalisation by itself, of the last axis: for what has become channels after a projection. */
export function normalisationLayer(name: string, width: number, kind: NormalisationKind): Layer {
  return {
    ...normalisationSpecs(name, width, kind, false),
    apply: (state, x, pass) => applyNormalisation(state, name, x, kind, false, pass),
  };
}

function layer(
  name: string,
  shape: readonly number[],
  outputs: number,
  fans: number,
  { normalisation, std, bias = true }: LayerOptions,
  map: (x: tf.Tensor, kernel: tf.Tensor) => tf.Tensor,
): Layer {
  const spectral = normalisation === 'spectral';
  const kind = spectral ? 'none' : normalisation;
  const { parameters, statistics } = normalisationSpecs(name, outputs, kind, bias);
  const initial =
    std === undefined
      ? ({ distribution: 'uniform', scale: Math.sqrt(6 / fans) } as const)
      : ({ distribution: 'normal', scale: std } as const);
  const columns = shape.at(-1)!;
  return {
    parameters: { [`${name}/kernel`]: { shape, initial }, ...parameters },
    statistics: { ...statistics, ...(spectral ? spectralSpecs(name, sizeOf(shape) / columns, columns) : {}) },
    apply: (state, x, pass) => {
      const kernel = state[`${name}/kernel`]!;
      const y = map(x, spectral ? spectrallyNormalised(state, name, kernel) : kernel);
      return applyNormalisation(state, name, y, kind, bias, pass);
    },
  };
}

/** All parameters and statistics of several layers. */
export function specsOf(layers: readonly Layer[]): { parameters: StateSpecs; statistics: StateSpecs } {
  return {
    parameters: Object.assign({}, ...layers.map(({ parameters }) => parameters)) as StateSpecs,
    statistics: Object.assign({}, ...layers.map(({ statistics }) => statistics)) as StateSpecs,
  };
}

/** max(x, slope x) for a slope below 1 (Maas et al. 2013; Radford et al. 2016 use 0.2). */
export function leakyRelu(x: tf.Tensor, slope = 0.2): tf.Tensor {
  // Not tf.leakyRelu: its gradient selects by a comparison that tfjs cannot differentiate again, which a gradient
  // penalty needs; that of relu is a product with a step, which it can.
  return tf.add(tf.mul(slope, x), tf.mul(1 - slope, tf.relu(x)));
}
