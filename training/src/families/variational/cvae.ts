import { type NamedTensors, tf } from '@generatrix/export';
import { columnSpans, type InputSpec } from '@generatrix/runtime/core';
import { z } from 'zod';
import { gradientModel } from '../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import type { ModelProgram } from '../../model/model.ts';
import { usedWith } from '../../model/option-use.ts';
import { dense } from '../../nn/dense.ts';
import { featureNetwork } from '../../nn/encoder-decoder.ts';
import { declared, inference, sequential } from '../../nn/module.ts';
import { oneHot } from '../../nn/one-hot.ts';
import { elboLoss, elboOptions } from './elbo.ts';
import {
  type Conditioning,
  codeOptions,
  type LatentModel,
  latentModel,
  latentRefuses,
  networksOf,
} from './latent-model.ts';

const options = z.strictObject({
  ...codeOptions,
  ...elboOptions,
  condition: z
    .enum(['class', 'rows'])
    .default('class')
    .describe('what the model is told: the class, or the first rows of the image, any number of them'),
  conditionWidth: z
    .number()
    .int()
    .min(1)
    .max(4096)
    .default(64)
    .meta(usedWith({ condition: 'rows' }, 'values that the known rows are summed up in')),
});
export type CvaeOptions = z.infer<typeof options>;

/**
 * Conditional variational autoencoder (Sohn, Lee and Yan 2015): a VAE whose encoder, decoder and prior are told c, a class
 * or the first rows of the image,
 *
 *   log p(x|c) >= E_q[log p(x | z, c)] - KL(q(z | x, c) || p(z | c))                        eq. 2 and 4
 *
 * With a class it draws images of that class. With rows it draws the rest of an image (section 5.1): each training
 * example keeps a random number of its first rows, from none to all but one, and x is the rest of it.
 */
function build(cvae: CvaeOptions, data: DataDescription): Trainable {
  return cvae.condition === 'class' ? toldClass(cvae, data) : toldRows(cvae, data);
}

const settings = (cvae: CvaeOptions) => ({
  ...cvae,
  // Unused where something is told: the prior is p(z|c).
  prior: 'normal' as const,
  pseudoInputs: 1,
  priorCouplings: 1,
  priorHidden: [1],
});

function toldClass(cvae: CvaeOptions, data: DataDescription): Trainable {
  const classes = data.classNames.length;
  const columns = (data.spec.kind === 'points' && data.spec.columns) || [];
  const repeated = columnSpans(columns).find(({ column }) => column.kind === 'category' && column.label);
  const model = latentModel(settings(cvae), data, {
    specs: {},
    width: classes,
    repeated,
    inputs: { label: { dtype: 'int32', shape: [], role: 'label', classes } },
    of: (_, { label }) => oneHot(label!, classes),
  });
  return gradientModel({
    parameters: model.parameters,
    noise: { eps: { distribution: 'normal', shape: [cvae.latent] }, ...model.binarisation },
    loss: (state, { data: examples, label, noise, step }) =>
      elboLoss(model, cvae, state, {
        x: model.prepare(examples, noise.uniform),
        eps: noise.eps!,
        step,
        condition: oneHot(label, classes),
      }),
    programs: model.programs,
  });
}

function toldRows(cvae: CvaeOptions, data: DataDescription): Trainable {
  const [height, width, channels] = data.spec.shape as [number, number, number];
  const image = [height, width, channels] as const;
  const row = width * channels;
  const networks = networksOf(cvae);
  const features = featureNetwork('condition', networks, [height, width, 2 * channels]);
  const summary = sequential([
    features.network,
    dense('condition/output', features.width, cvae.conditionWidth),
    networks.activation,
  ]);
  /** The image where it is known beside what is known, 1 or 0: [batch, dimensions] each to [batch, conditionWidth]. */
  const conditionOf = (state: NamedTensors, x: tf.Tensor, known: tf.Tensor) => {
    const shaped = (values: tf.Tensor) => tf.reshape(values, [-1, ...image]);
    return summary.apply(state, tf.concat([shaped(tf.mul(x, known)), shaped(known)], 3), inference);
  };
  const conditioning: Conditioning = {
    ...declared([summary]),
    width: cvae.conditionWidth,
    inputs: {},
    of: (state, _, rows) => {
      const nothing = tf.zeros([rows, height * row]);
      return conditionOf(state, nothing, nothing);
    },
  };
  const model = latentModel(settings(cvae), data, conditioning);
  const rowOf = () =>
    tf.tensor2d(
      Float32Array.from({ length: height * row }, (_, i) => Math.floor(i / row)),
      [1, height * row],
    );
  /** 1 in the first rows, as many as the tensor says, [batch, 1] or []: [batch or 1, dimensions]. */
  const firstRows = (count: tf.Tensor) => tf.cast(tf.less(rowOf(), count), 'float32');
  return gradientModel({
    parameters: model.parameters,
    noise: {
      eps: { distribution: 'normal', shape: [cvae.latent] },
      ...model.binarisation,
      rows: { distribution: 'uniform', shape: [1] },
    },
    loss: (state, { data: examples, noise, step }) => {
      const x = model.prepare(examples, noise.uniform);
      const known = firstRows(tf.floor(tf.mul(noise.rows!, height))); // [batch, dimensions]
      const { loss, metrics = {} } = elboLoss(model, cvae, state, {
        x,
        eps: noise.eps!,
        step,
        condition: conditionOf(state, x, known),
        counted: tf.sub(1, known),
      });
      // Not `elbo`, which validation measures of whole images.
      const { elbo: elboOfRest, ...others } = metrics;
      return { loss, metrics: { elboOfRest: elboOfRest!, ...others } };
    },
    metrics: {
      elboOfRest: {
        direction: 'rises',
        meaning: 'lower bound of the log-likelihood of the rows that are not told, nats',
      },
    },
    programs: { ...model.programs, complete: completeProgram(model, data, { firstRows, conditionOf }) },
  });
}

/** Keeps the first rows of each image and draws the rest. */
function completeProgram(
  model: LatentModel,
  { spec }: DataDescription,
  parts: {
    firstRows(count: tf.Tensor): tf.Tensor;
    conditionOf(state: NamedTensors, x: tf.Tensor, known: tf.Tensor): tf.Tensor;
  },
): ModelProgram {
  const shape = [...spec.shape];
  const height = shape[0]!;
  const rows: InputSpec = {
    dtype: 'float32',
    shape: [],
    role: 'scalar',
    default: Math.floor(height / 2),
    min: 0,
    max: height,
  };
  const uniform = model.binarisation.uniform;
  return {
    signature: {
      inputs: {
        given: { dtype: 'float32', shape, role: 'data' },
        rows,
        ...model.sampleInputs,
        ...(uniform && {
          binarisation: {
            dtype: 'float32',
            shape,
            role: 'noise',
            distribution: uniform.distribution,
            belongsTo: 'example',
          },
        }),
      },
      outputs: { data: { dtype: 'float32', shape, meaning: 'data' } },
    },
    run: (state, inputs) => {
      const { given, rows: count, binarisation } = inputs;
      const x = model.prepare(given!, binarisation); // [batch, dimensions]
      const known = tf.broadcastTo(parts.firstRows(count!), x.shape);
      const condition = parts.conditionOf(state, x, known);
      const code = model.drawPrior(state, inputs, condition);
      const drawn = model.observe(state, code, inputs, condition);
      return {
        data: tf.where(tf.greater(tf.reshape(known, given!.shape), 0), tf.reshape(x, given!.shape), drawn),
      };
    },
  };
}

function refuses(data: DataDescription, cvae: CvaeOptions): string | null {
  if (cvae.condition === 'class' && data.classNames.length === 0) {
    return 'condition class needs labelled data; images can have condition rows';
  }
  if (cvae.condition === 'rows' && data.spec.kind !== 'image') {
    return `condition rows needs images, not ${data.spec.kind}; use condition class`;
  }
  return latentRefuses(data, settings(cvae));
}

export const cvae = defineFamily<CvaeOptions>({
  name: 'cvae',
  title: 'Conditional variational autoencoder',
  taxonomy: ['explicit density', 'approximate', 'variational'],
  equation: 'log p(x | c) ≥ E[log p(x | z, c)] − KL(q(z | x, c) ‖ p(z | c))',
  sources: [
    'Sohn, Lee and Yan 2015, "Learning structured output representation using deep conditional generative models"',
  ],
  options,
  defaults: { steps: 2000, batchSize: 100, learningRate: 1e-3 },
  refuses,
  build,
  reproduce: {
    mnist: {
      summary: 'Images of a digit that is asked for, MLP, on dynamically binarized MNIST',
      data: 'mnist',
      options: { latent: 20, hidden: [400, 400] },
      training: { steps: 20_000, batchSize: 100, schedule: 'cosine', ema: 0.999 },
      published: 'none for digits by class',
    },
    'mnist-rows': {
      summary: 'The rest of an image from its first rows',
      data: 'mnist',
      options: { condition: 'rows', latent: 20, hidden: [400, 400] },
      training: { steps: 20_000, batchSize: 100, schedule: 'cosine', ema: 0.999 },
      published: 'none for rows; Sohn et al. (2015) complete quadrants, which does not compare',
    },
  },
});
