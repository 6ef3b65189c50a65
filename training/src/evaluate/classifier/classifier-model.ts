import { type NamedTensors, tf } from '@generatrix/export';
import { type OutputSpec, sizeOf } from '@generatrix/runtime/core';
import { gradientModel } from '../../core/gradient-model.ts';
import type { Model } from '../../model/model.ts';
import { settleTraining } from '../../model/training-options.ts';
import { activations } from '../../nn/activations.ts';
import { convolution } from '../../nn/convolution.ts';
import { dense, mlp } from '../../nn/dense.ts';
import type { Features } from '../../nn/encoder-decoder.ts';
import { declared, inference, sequential } from '../../nn/module.ts';

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

/**
 * A softmax classifier as a model of the training engine: the mean cross-entropy of a batch, minimised by Adam. It is
 * no generative model: its one program, `classify`, gives the logits and the features before the last layer.
 */
export function classifierModel(network: ClassifierNetwork, classes: number): Model {
  const { network: body, width } = network.kind === 'conv' ? convolutional(network) : fullyConnected(network);
  const last = dense('logits', width, classes);
  const parameters = declared([body, last]).specs;
  const forward = (state: NamedTensors, x: tf.Tensor) => {
    const features = body.apply(state, x, inference);
    return { features, logits: last.apply(state, features, inference) };
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
          outputs: { logits: output(classes), features: output(width) },
        },
        run: (state, { data }) => forward(state, data!),
      },
    },
  }).compose(settleTraining({}, {}));
}

function convolutional(network: ClassifierNetwork & { kind: 'conv' }): Features {
  const { shape, range, filters, features } = network;
  const [height, width, channels] = shape;
  const [low, high] = range;
  const { relu } = activations;
  const quarter = (side: number) => Math.ceil(Math.ceil(side / 2) / 2);
  const flat = quarter(height) * quarter(width) * filters[1];
  return {
    width: features,
    network: sequential([
      (x) => tf.sub(tf.mul(tf.sub(x, low), 2 / (high - low)), 1),
      convolution('conv0', [channels, filters[0]], 5, { stride: 2 }), // [batch, h/2, w/2, filters]
      relu,
      convolution('conv1', filters, 3, { stride: 2 }), // [batch, h/4, w/4, filters]
      relu,
      (h) => tf.reshape(h, [h.shape[0]!, flat]),
      dense('hidden', flat, features),
      relu,
    ]),
  };
}

function fullyConnected({ shape, hidden }: ClassifierNetwork & { kind: 'mlp' }): Features {
  return { network: mlp('hidden', sizeOf(shape), hidden), width: hidden.at(-1)! };
}
