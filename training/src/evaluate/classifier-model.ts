import { type NamedTensors, tf } from '@generatrix/export';
import { type OutputSpec, sizeOf } from '@generatrix/runtime/core';
import { gradientModel } from '../core/gradient-model.ts';
import type { Model } from '../model/model.ts';
import type { StateSpecs } from '../model/state.ts';
import { settleTraining } from '../model/training-options.ts';
import { convolution, convolutionSpecs } from '../nn/convolution.ts';
import { dense, denseSpecs, mlp, mlpSpecs } from '../nn/dense.ts';

/** A classifier's network: two strided convolutions and a hidden layer for images, hidden layers for rows. */
export type ClassifierNetwork =
  | {
      readonly kind: 'conv';
      /** [height, width, channels] */
      readonly shape: readonly [number, number, number];
      /** Values that become -1 and 1. */
      readonly range: readonly [number, number];
      readonly filters: readonly [number, number];
      /** Width of the hidden layer, whose activations are the features. */
      readonly features: number;
    }
  | {
      readonly kind: 'mlp';
      /** [width]; values are expected to be standardised. */
      readonly shape: readonly [number];
      /** Widths of the hidden layers; the last one's activations are the features. */
      readonly hidden: readonly number[];
    };

/** Outputs of the classifier's program `classify`. */
export const classifierOutputs = { logits: 'logits', features: 'features' } as const;

interface Layers {
  readonly specs: StateSpecs;
  readonly width: number;
  /** [batch, ...shape] to [batch, width]. */
  readonly features: (state: NamedTensors, x: tf.Tensor) => tf.Tensor;
}

/**
 * A softmax classifier as a model of the training engine: the mean cross-entropy of a batch, minimised by Adam. It is
 * no generative model: its one program, `classify`, gives the logits and the features before the last layer.
 */
export function classifierModel(network: ClassifierNetwork, classes: number): Model {
  const layers = network.kind === 'conv' ? convolutional(network) : fullyConnected(network);
  const parameters = { ...layers.specs, ...denseSpecs('logits', layers.width, classes) };
  const forward = (state: NamedTensors, x: tf.Tensor) => {
    const features = layers.features(state, x);
    return { features, logits: dense(state, 'logits', features) };
  };
  const output = (width: number): OutputSpec => ({ dtype: 'float32', shape: [width], meaning: 'other' });
  return gradientModel({
    parameters,
    loss: (state, { data, label }) => {
      const target = tf.cast(tf.oneHot(label, classes), 'float32');
      const { logits } = forward(state, data);
      return { loss: tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(logits)), -1))) };
    },
    programs: {
      classify: {
        signature: {
          inputs: { data: { dtype: 'float32', shape: [...network.shape], role: 'data' } },
          outputs: { logits: output(classes), features: output(layers.width) },
        },
        run: (state, { data }) => forward(state, data!),
      },
    },
  }).compose(settleTraining({}, {}));
}

function convolutional(network: ClassifierNetwork & { kind: 'conv' }): Layers {
  const { shape, range, filters, features } = network;
  const [height, width, channels] = shape;
  const [low, high] = range;
  const quarter = (side: number) => Math.ceil(Math.ceil(side / 2) / 2);
  const flat = quarter(height) * quarter(width) * filters[1];
  return {
    specs: {
      ...convolutionSpecs('conv0', 5, channels, filters[0]),
      ...convolutionSpecs('conv1', 3, filters[0], filters[1]),
      ...denseSpecs('hidden', flat, features),
    },
    width: features,
    features: (state, x) => {
      const scaled = tf.sub(tf.mul(tf.sub(x, low), 2 / (high - low)), 1);
      const first = tf.relu(convolution(state, 'conv0', scaled, 2)); // [batch, h/2, w/2, filters]
      const second = tf.relu(convolution(state, 'conv1', first, 2)); // [batch, h/4, w/4, filters]
      return tf.relu(dense(state, 'hidden', tf.reshape(second, [x.shape[0]!, flat])));
    },
  };
}

function fullyConnected({ shape, hidden }: ClassifierNetwork & { kind: 'mlp' }): Layers {
  return {
    specs: mlpSpecs('hidden', sizeOf(shape), hidden),
    width: hidden.at(-1)!,
    features: (state, x) => mlp(state, 'hidden', x, hidden),
  };
}
