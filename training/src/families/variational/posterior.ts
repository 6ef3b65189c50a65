import { type NamedTensors, tf } from '@generatrix/export';
import { z } from 'zod';
import { usedWith } from '../../model/option-use.ts';
import type { StateSpecs } from '../../model/state.ts';
import { activations } from '../../nn/activations.ts';
import { dense } from '../../nn/dense.ts';
import { standardNormalLogProb } from '../../nn/distributions.ts';
import { type CoderOptions, featureNetwork, gaussianHead } from '../../nn/encoder-decoder.ts';
import { normal } from '../../nn/initial-values.ts';
import { declared, inference, type Module } from '../../nn/module.ts';

/** Options of the distribution q(z|x) of codes given an example. */
export const posteriorOptions = {
  posterior: z
    .enum(['gaussian', 'iaf'])
    .default('gaussian')
    .describe(
      'distribution of codes given an example: gaussian, each dimension by itself, or made flexible by inverse autoregressive flow',
    ),
  flowSteps: z
    .number()
    .int()
    .min(1)
    .max(32)
    .default(4)
    .meta(usedWith({ posterior: 'iaf' }, 'steps of the flow')),
  flowHidden: z
    .array(z.number().int().min(1))
    .min(1)
    .default([320])
    .meta(usedWith({ posterior: 'iaf' }, 'widths of the hidden layers of each step of the flow')),
};
export type PosteriorOptions = z.infer<z.ZodObject<typeof posteriorOptions>>;

/**
 * What the encoder says of an example, [batch, ...] each: `mean` and `logStd` [batch, latent] of the Gaussian that the
 * draw begins with, and, for a flow, `context` [batch, width].
 */
export interface Encoding extends NamedTensors {
  readonly mean: tf.Tensor;
  readonly logStd: tf.Tensor;
}

/** A code, [rows, latent], and log q(z|x) as a sum of one term for each dimension, [rows, latent]. Nats. */
export interface CodeDraw {
  readonly z: tf.Tensor;
  readonly logQ: tf.Tensor;
}

/** The distribution q(z|x). */
export interface Posterior {
  readonly specs: StateSpecs;
  /** [batch, ...shape], and what the model is told besides, [batch, width], to what the draws are made from. */
  encode(state: NamedTensors, x: tf.Tensor, condition?: tf.Tensor): Encoding;
  /** The code that noise of the standard normal, [rows, latent], gives. */
  draw(state: NamedTensors, encoding: Encoding, eps: tf.Tensor): CodeDraw;
  /** The code that no noise gives, and the log of its deviation along each dimension: [batch, latent] each. */
  centre(state: NamedTensors, encoding: Encoding): { readonly mean: tf.Tensor; readonly logStd: tf.Tensor };
}

/** Two tensors side by side, [rows, n] and [rows, m] to [rows, n + m], or the first where there is no second. */
export function beside(x: tf.Tensor, condition: tf.Tensor | undefined): tf.Tensor {
  return condition === undefined ? x : tf.concat([x, condition], 1);
}

/**
 * The posterior that the options name.
 * @param shape of an example
 * @param conditionWidth of what the model is told besides the example, which joins the encoder's features
 */
export function posteriorOf(
  options: PosteriorOptions & { readonly latent: number },
  networks: CoderOptions,
  shape: readonly number[],
  conditionWidth = 0,
): Posterior {
  const { network, width: own } = featureNetwork('encoder', networks, shape);
  const width = own + conditionWidth;
  /** [batch, width] */
  const featuresOf = (state: NamedTensors, x: tf.Tensor, condition: tf.Tensor | undefined) =>
    beside(network.apply(state, x, inference), condition);
  const head = gaussianHead('encoder', width, options.latent);
  if (options.posterior === 'gaussian') {
    return {
      specs: declared([network, head]).specs,
      encode: (state, x, condition) => ({
        ...head.apply(state, featuresOf(state, x, condition), inference),
      }),
      draw: (_, encoding, eps) => gaussianDraw(encoding, eps),
      centre: (_, { mean, logStd }) => ({ mean, logStd }),
    };
  }
  const steps = Array.from({ length: options.flowSteps }, (_, i) => flowStep(i, options, width));
  const draw = (state: NamedTensors, encoding: Encoding, eps: tf.Tensor) =>
    steps.reduce((code, step) => step.apply(state, code, encoding.context!), gaussianDraw(encoding, eps));
  return {
    specs: declared([network, head, ...steps]).specs,
    encode: (state, x, condition) => {
      const features = featuresOf(state, x, condition);
      return { ...head.apply(state, features, inference), context: features };
    },
    draw,
    centre: (state, encoding) => {
      const zero = tf.zerosLike(encoding.mean);
      const { z, logQ } = draw(state, encoding, zero);
      return { mean: z, logStd: tf.sub(standardNormalLogProb(zero), logQ) };
    },
  };
}

/** z = mean + std * eps, and log q in terms of eps, so that the deviation is not computed back from z. */
function gaussianDraw({ mean, logStd }: Encoding, eps: tf.Tensor): CodeDraw {
  return {
    z: tf.add(mean, tf.mul(tf.exp(logStd), eps)),
    logQ: tf.sub(standardNormalLogProb(eps), logStd),
  };
}

interface FlowStep extends Pick<Module, 'specs'> {
  apply(state: NamedTensors, code: CodeDraw, context: tf.Tensor): CodeDraw;
}

/** What the gate starts at, near open, so that the flow starts near the identity (Kingma et al. 2016, section 4). */
const openGate = 2;

/**
 * One step of inverse autoregressive flow in its stable form (Kingma et al. 2016, eq. 13 to 15):
 *
 *   [m, s] = network(z, context),   sigma = sigmoid(s),   z' = sigma z + (1 - sigma) m,   log q' = log q - sum log sigma
 *
 * where m_i and s_i depend on the dimensions before i in the step's order alone: the masks of a MADE (Germain et al.
 * 2015, eq. 8 and 9). The order is that of the dimensions, reversed in every second step.
 */
function flowStep(
  step: number,
  { latent, flowHidden }: PosteriorOptions & { readonly latent: number },
  contextWidth: number,
): FlowStep {
  const place = (i: number) => (step % 2 === 0 ? i : latent - 1 - i);
  const input = Array.from({ length: latent }, (_, i) => place(i));
  // A unit of degree d sees the dimensions of place d or less, and is seen by those of a greater place.
  const degrees = flowHidden.map((width) =>
    Array.from({ length: width }, (_, unit) => (latent > 1 ? unit % (latent - 1) : 0)),
  );
  const between = (from: readonly number[], to: readonly number[], sees: (a: number, b: number) => boolean) =>
    tf.tensor2d(
      Float32Array.from({ length: from.length * to.length }, (_, k) =>
        sees(from[Math.floor(k / to.length)]!, to[k % to.length]!) ? 1 : 0,
      ),
      [from.length, to.length],
    );
  const name = `posterior/${step}`;
  const layers = flowHidden.map((width, i) => {
    const from = i === 0 ? input : degrees[i - 1]!;
    const mask = () => between(from, degrees[i]!, (a, b) => a <= b);
    return dense(`${name}/${i}`, from.length, width, { mask });
  });
  const context = dense(`${name}/context`, contextWidth, flowHidden[0]!, { bias: false });
  const last = flowHidden.at(-1)!;
  const outwards = () => between(degrees.at(-1)!, input, (a, b) => (latent > 1 ? a < b : false));
  const small = { initial: normal(0.01), mask: outwards };
  const [shift, gate] = [
    dense(`${name}/shift`, last, latent, small),
    dense(`${name}/gate`, last, latent, small),
  ];
  return {
    specs: declared([...layers, context, shift, gate]).specs,
    apply: (state, { z, logQ }, features) => {
      const told = context.apply(state, features, inference); // [batch, H]
      const h = layers.reduce((values, layer, i) => {
        const raw = layer.apply(state, values, inference);
        return activations.elu(i === 0 ? tf.add(raw, told) : raw);
      }, z); // [rows, H]
      const opening = tf.add(gate.apply(state, h, inference), openGate); // [rows, latent]
      const sigma = tf.sigmoid(opening);
      const m = shift.apply(state, h, inference);
      return {
        z: tf.add(m, tf.mul(sigma, tf.sub(z, m))),
        // -log sigmoid(s) = softplus(-s)
        logQ: tf.add(logQ, tf.softplus(tf.neg(opening))),
      };
    },
  };
}
