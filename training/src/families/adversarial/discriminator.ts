import { type NamedTensors, tf } from '@generatrix/export';
import { type DataSpec, sizeOf } from '@generatrix/runtime/core';
import { fromData } from '../../core/data-scale.ts';
import { ofKind, type StateSpecs } from '../../model/state.ts';
import { leakyRelu } from '../../nn/activations.ts';
import { dense } from '../../nn/dense.ts';
import { featureNetwork } from '../../nn/encoder-decoder.ts';
import { declared } from '../../nn/module.ts';
import { minibatchCloseness } from './minibatch-discrimination.ts';
import {
  type Conditioning,
  type Discriminator,
  dcganStart,
  layersOf,
  type NetworkOptions,
} from './networks.ts';

/**
 * The discriminator: hidden layers (`mlp`), or the strided convolutions of DCGAN (Radford et al. 2016, section 3), with
 * leaky ReLU of slope 0.2. Then the closeness of minibatch discrimination, if asked for, and one linear output.
 * @param conditioning with `projection` the logit gets v[class]' features more (Miyato and Koyama 2018, eq. 5),
 * with `concatenation` the label joins the input (Mirza and Osindero 2014, figure 1; as maps of an image),
 * with `auxiliary` a second output tells the class (Odena et al. 2017)
 * @param bias false where the loss does not depend on a constant added to every output
 */
export function buildDiscriminator(
  options: NetworkOptions,
  spec: DataSpec,
  { classes, conditioning, bias }: { classes: number; conditioning: Conditioning; bias: boolean },
): Discriminator {
  const { packing, minibatchKernels: kernels, discriminatorNormalisation: kind } = options;
  const joined = conditioning === 'concatenation' ? classes : 0;
  const layers = layersOf(options);
  const convolutional = layers.architecture === 'conv' && spec.kind === 'image';
  const { network: body, width } = featureNetwork(
    'discriminator',
    {
      ...layers,
      hidden: options.discriminatorHidden ?? options.hidden.toReversed(),
      normalisation: kind,
      // The input layer takes no batch normalisation (Radford et al. 2016, section 3).
      dataNormalisation: kind === 'batch' ? 'none' : kind,
      activation: leakyRelu,
    },
    convolutional
      ? [spec.shape[0], spec.shape[1], spec.shape[2] * packing + joined]
      : [packing * sizeOf(spec.shape) + joined],
  );
  const start = options.architecture === 'dcgan' ? { initial: dcganStart } : {};
  const output = dense('discriminator/output', width + kernels, 1, {
    // Nor does the output layer.
    spectral: kind === 'spectral',
    bias,
    ...start,
  });
  const closeness = kernels > 0 ? [minibatchCloseness('discriminator/minibatch', width, kernels)] : [];
  const classifier = conditioning === 'auxiliary' ? dense('discriminator/class', width, classes) : null;
  const projection: StateSpecs =
    conditioning === 'projection'
      ? { [projectionName]: { shape: [classes, width], initial: { distribution: 'normal', scale: 0.02 } } }
      : {};
  const { specs } = declared([
    body,
    output,
    ...closeness,
    { specs: projection },
    ...(classifier === null ? [] : [classifier]),
  ]);
  return {
    parameters: ofKind(specs, 'parameter'),
    statistics: ofKind(specs, 'statistic'),
    outermost: Object.keys(ofKind(body.specs, 'parameter')).filter((name) =>
      name.startsWith('discriminator/0/'),
    ),
    apply: (state, x, label, pass) => {
      const packed = pack(fromData(state, x, spec), packing); // [batch / packing, ..., packing * c]
      const input = joined > 0 ? joinLabel(convolutional ? packed : flat(packed), label!) : packed;
      const inner = body.apply(state, input, pass) as tf.Tensor2D; // [batch / packing, width]
      const seen = tf.concat([inner, ...closeness.map((module) => module.apply(state, inner, pass))], 1);
      const judged = tf.reshape(output.apply(state, seen, pass), [-1]);
      const logits = conditioning === 'projection' ? tf.add(judged, projected(state, inner, label!)) : judged;
      const classLogits = classifier?.apply(state, inner, pass) as tf.Tensor2D | undefined;
      return {
        logits: logits as tf.Tensor1D,
        features: inner,
        ...(classLogits === undefined ? {} : { classLogits }),
      };
    },
  };
}

const projectionName = 'discriminator/projection';

function projected(state: NamedTensors, features: tf.Tensor2D, label: tf.Tensor): tf.Tensor {
  const direction = tf.matMul(label as tf.Tensor2D, state[projectionName] as tf.Tensor2D);
  return tf.sum(tf.mul(features, direction), 1); // [batch]
}

/**
 * Joins `packing` examples, of consecutive parts of the batch, along the last axis, so that the discriminator sees
 * whether samples differ (Lin et al. 2018, PacGAN, section 3).
 */
function pack(x: tf.Tensor, packing: number): tf.Tensor {
  if (packing === 1) return x;
  return tf.concat(tf.split(x, packing, 0), x.rank - 1);
}

function flat(x: tf.Tensor): tf.Tensor {
  return tf.reshape(x, [x.shape[0]!, -1]);
}

/** One-hot labels [batch, classes] join the last axis, the same at every position. */
function joinLabel(x: tf.Tensor, label: tf.Tensor): tf.Tensor {
  const [batch, classes] = label.shape as [number, number];
  const inner = x.shape.slice(1, -1);
  const spread = tf.mul(
    tf.reshape(label, [batch, ...inner.map(() => 1), classes]),
    tf.ones([1, ...inner, 1]),
  );
  return tf.concat([x, inner.length === 0 ? label : spread], x.rank - 1);
}
