import { type NamedTensors, tf } from '@generatrix/export';
import { type InputSpec, sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { markovChainPrograms, sampleStepsOption } from '../../core/chain.ts';
import { gradientModel } from '../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import type { NoiseSpec } from '../../model/model.ts';
import type { StateSpecs } from '../../model/state.ts';
import { activationNames, activations } from '../../nn/activations.ts';
import { bernoulliLogProb, binarise, sumExamples } from '../../nn/distributions.ts';
import { glorotUniform } from '../../nn/initial-values.ts';
import { isUnitImage } from '../../nn/unit-image.ts';

const options = z.strictObject({
  hidden: z
    .array(z.number().int().min(1))
    .min(1)
    .default([1500, 1500])
    .describe('widths of the layers of latent variables, from the data up'),
  walkback: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(4)
    .describe('steps of the chain that a training step follows from each example'),
  saltAndPepper: z
    .number()
    .min(0)
    .max(1)
    .default(0.4)
    .describe('share of the values that a step of the chain sets to 0 or 1'),
  hiddenNoise: z
    .number()
    .min(0)
    .default(2)
    .describe('standard deviation of the noise before and after the activation of latent variables'),
  noisyFirst: z
    .boolean()
    .default(false)
    .describe('whether the layer next to the data has that noise, too (a lone layer always has)'),
  activation: z.enum(activationNames).default('tanh').describe('nonlinearity of the latent variables'),
  sampleSteps: sampleStepsOption(200),
});
export type GsnOptions = z.infer<typeof options>;

/** Steps of a sample's chain in one call: its noise is held at a time. */
const stepsPerCall = 20;

/**
 * Generative stochastic network: a Markov chain that is learned as such,
 *
 *   x~ = x with some of its values set to 0 or 1,   h' ~ P(h | x~, h),   x' ~ P(x | h')      Bengio et al. 2014, eq. 4
 *
 * whose stationary distribution of x estimates that of the data. h are layers of a network with noise before and after
 * their activations; those of odd number are renewed first, given the others, then the data and those of even number
 * (section 3.3). Trained by walkback (section 3.4): the chain starts at an example, and each of its steps has to give
 * the example back, loss = mean over the steps of -log P(x | h). There is no density to evaluate.
 */
function build(gsn: GsnOptions, { spec }: DataDescription): Trainable {
  const { walkback, saltAndPepper, hiddenNoise } = gsn;
  const shape = [...spec.shape];
  const widths = [sizeOf(shape), ...gsn.hidden];
  const [visible = 0] = widths;
  const top = gsn.hidden.length;
  const activation = activations[gsn.activation];
  const numbered = (...layers: number[]) => layers.filter((layer) => layer <= top);
  const all = widths.map((_, layer) => layer);
  const odd = all.filter((layer) => layer % 2 === 1);
  const latentEven = all.filter((layer) => layer > 0 && layer % 2 === 0);
  const noisy = all.filter((layer) => layer > 1 || (layer === 1 && (gsn.noisyFirst || top === 1)));
  const weightsOf = (layer: number) => `weights/${layer}`; // between layers `layer` and `layer + 1`
  const biasOf = (layer: number) => `bias/${layer}`;
  const carryOf = (layer: number) => `hidden/${layer}`;
  const parameters: StateSpecs = Object.fromEntries([
    ...gsn.hidden.map((width, layer) => {
      const below = widths[layer]!;
      const initial = glorotUniform({ in: below, out: width });
      return [weightsOf(layer), { shape: [below, width], initial }] as const;
    }),
    ...widths.map((width, layer) => [biasOf(layer), { shape: [width], initial: 0 }] as const),
  ]);

  /** What one step of the chain draws. */
  const stepNoise: Readonly<Record<string, NoiseSpec>> = {
    drawn: { distribution: 'uniform', shape: [visible] },
    corrupted: { distribution: 'uniform', shape: [visible] },
    ...Object.fromEntries(
      noisy.map((layer) => [
        `noise/${layer}`,
        { distribution: 'normal', shape: [2, widths[layer]!] } as const,
      ]),
    ),
  };

  /** Values of which some are set to 0 or 1, as many to the one as to the other. */
  const corrupt = (x: tf.Tensor, uniform: tf.Tensor) =>
    tf.where(tf.less(uniform, saltAndPepper), tf.cast(tf.less(uniform, saltAndPepper / 2), 'float32'), x);

  type Layers = readonly (tf.Tensor | undefined)[];

  /** A layer given those next to it, the data as log odds; latent variables with a step's noise, if any is given. */
  const renewed = (state: NamedTensors, layers: Layers, layer: number, noise: NamedTensors | null) => {
    const inputs = numbered(layer - 1, layer + 1).flatMap((other) => {
      const values = layers[other];
      if (other < 0 || values === undefined) return [];
      const weights = state[weightsOf(Math.min(layer, other))] as tf.Tensor2D;
      return [tf.matMul(values as tf.Tensor2D, weights, false, other > layer)];
    });
    // Of a layer with nothing beside it yet, the bias for each example.
    const rows = inputs.length > 0 ? inputs : [tf.mul(0, tf.slice(layers[0]!, [0, 0], [-1, 1]))];
    const sum = rows.reduce((total: tf.Tensor, input) => tf.add(total, input), state[biasOf(layer)]!);
    if (layer === 0) return sum;
    const own = noise?.[`noise/${layer}`];
    if (own === undefined) return activation(sum);
    const [before, after] = tf.unstack(tf.mul(own, hiddenNoise), 1) as [tf.Tensor, tf.Tensor];
    return tf.add(activation(tf.add(sum, before)), after);
  };

  /** One step: the data corrupted, odd layers, then new data and even layers. Without noise, the mean of every layer. */
  const stepped = (state: NamedTensors, before: Layers, noise: NamedTensors | null) => {
    const layers = [...before];
    if (noise !== null) layers[0] = corrupt(before[0]!, noise.corrupted!);
    for (const layer of odd) layers[layer] = renewed(state, layers, layer, noise);
    const logits = renewed(state, layers, 0, noise);
    const probabilities = tf.sigmoid(logits);
    for (const layer of latentEven) layers[layer] = renewed(state, layers, layer, noise);
    layers[0] = noise === null ? probabilities : drawn(probabilities, noise.drawn!);
    return { layers: layers as Layers, probabilities, logits };
  };

  const flat = (x: tf.Tensor) => tf.reshape(x, [x.shape[0]!, visible]);
  const withSteps = ({ distribution, shape: of }: NoiseSpec): NoiseSpec => ({
    distribution,
    shape: [walkback, ...of],
  });
  const dataInput: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const dataOutput = { dtype: 'float32', shape, meaning: 'data' } as const;
  const carriesOf = (layers: Layers) =>
    Object.fromEntries(latentEven.map((layer) => [carryOf(layer), layers[layer]!]));

  return gradientModel({
    parameters,
    filters: weightsOf(0),
    noise: Object.fromEntries(Object.entries(stepNoise).map(([name, noise]) => [name, withSteps(noise)])),
    loss: (state, { data, noise }) => {
      const x = flat(data);
      let layers: Layers = [x];
      const losses: tf.Tensor[] = [];
      for (let step = 0; step < walkback; step++) {
        const own = Object.entries(noise).map(([name, values]) => [name, tf.gather(values, step, 1)]);
        const { layers: next, logits } = stepped(state, layers, Object.fromEntries(own));
        losses.push(tf.neg(tf.mean(sumExamples(bernoulliLogProb(x, logits)))));
        layers = next;
      }
      const loss = tf.div(tf.addN(losses), walkback);
      return { loss, metrics: { firstStep: losses[0]!, lastStep: losses.at(-1)! } };
    },
    metrics: {
      firstStep: { direction: 'falls', meaning: 'cross-entropy after one step from an example, nats' },
      lastStep: { direction: 'falls', meaning: 'cross-entropy at the end of the walk, nats' },
    },
    programs: {
      ...markovChainPrograms({
        steps: gsn.sampleSteps,
        mostSteps: 1_000_000,
        stepsPerCall: Math.min(gsn.sampleSteps, stepsPerCall),
        carries: {
          ...{ values: [visible], probabilities: [visible] },
          ...Object.fromEntries(latentEven.map((layer) => [carryOf(layer), [widths[layer]!]])),
        },
        example: 'values',
        noise: stepNoise,
        inputs: { mean: { dtype: 'float32', shape: [], role: 'scalar', default: 1, min: 0, max: 1 } },
        outputs: { data: dataOutput },
        start: (_, { noise }) => {
          const fair = tf.fill(noise.drawn!.shape, 0.5);
          return { values: binarise(fair, noise.drawn!), probabilities: fair };
        },
        step: (state, carries, { noise }) => {
          const before = all.map((layer) => (layer === 0 ? carries.values : carries[carryOf(layer)]));
          const { layers, probabilities } = stepped(state, before, noise);
          return { values: layers[0]!, probabilities, ...carriesOf(layers) };
        },
        finish: (_, { values, probabilities }, { mean }) => {
          const chosen = tf.where(tf.equal(mean!, 1), probabilities!, values!);
          return { data: tf.reshape(chosen, [chosen.shape[0]!, ...shape]) };
        },
      }),
      reconstruct: {
        // An output may not have an input's name.
        signature: { inputs: { data: dataInput }, outputs: { reconstruction: dataOutput } },
        run: (state, { data }) => {
          let result = stepped(state, [flat(data!)], null);
          for (let step = 1; step < walkback; step++) result = stepped(state, result.layers, null);
          return { reconstruction: tf.reshape(result.probabilities, [data!.shape[0]!, ...shape]) };
        },
      },
    },
  });
}

/** Values drawn with these probabilities, through which no gradient goes. */
function drawn(probabilities: tf.Tensor, uniform: tf.Tensor): tf.Tensor {
  return tf.customGrad((p) => ({
    value: binarise(p as tf.Tensor, uniform),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }))(probabilities);
}

export const gsn = defineFamily<GsnOptions>({
  name: 'gsn',
  title: 'Generative stochastic network',
  taxonomy: ['implicit density', 'Markov chain'],
  equation: 'h = f(x̃, h, ε),  x ~ P(x | h)',
  sources: [
    'Bengio, Thibodeau-Laufer, Alain and Yosinski 2014, arXiv:1306.1091',
    'Bengio, Yao, Alain and Vincent 2013, arXiv:1305.6663 (walkback)',
  ],
  options,
  defaults: { steps: 20_000, batchSize: 100, learningRate: 1e-3, schedule: 'cosine' },
  refuses: ({ spec }) =>
    isUnitImage(spec) ? null : 'models values in [0, 1]: it needs images of that range',
  build,
  reproduce: {
    mnist: {
      summary: 'Two layers of 1,500 tanh units, four steps of walkback, on MNIST',
      data: 'mnist',
      options: { hidden: [1500, 1500], walkback: 4, saltAndPepper: 0.4, hiddenNoise: 2 },
      training: { steps: 300_000, batchSize: 100, schedule: 'cosine', ema: 0.999 },
      published:
        'Parzen log-likelihood of 214 with a standard error of 1.1 nats, by 10,000 consecutive samples (Bengio et al. 2014, section 5; not checked)',
    },
    'mnist-laptop': {
      summary: 'Two layers of 800 units in an hour of one core',
      data: 'mnist',
      options: { hidden: [800, 800] },
      training: { steps: 30_000, batchSize: 100, schedule: 'cosine', ema: 0.999 },
      published: 'none of this size; 214 nats by Parzen windows (Bengio et al. 2014; not checked)',
    },
  },
});
