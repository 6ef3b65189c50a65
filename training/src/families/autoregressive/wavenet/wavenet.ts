import { type NamedTensors, tf } from '@generatrix/export';
import { z } from 'zod';
import { gradientModel } from '../../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../../model/family.ts';
import { usedWith } from '../../../model/option-use.ts';
import { dilationsOf, type WavenetNetwork, wavenetForward, wavenetSpecs } from './wavenet-network.ts';
import { logisticOutput, muLawOutput } from './wavenet-output.ts';
import { wavenetPrograms } from './wavenet-programs.ts';

const count = (standard: number, max: number) => z.number().int().min(1).max(max).default(standard);
const options = z.strictObject({
  layers: count(7, 16).describe('layers of a stack, of dilations 1, 2, 4, ...'),
  stacks: count(2, 16).describe('stacks'),
  filters: count(32, 1024).describe('filters of the dilated convolutions and residual connections'),
  skipFilters: count(64, 4096).describe('filters of the skip connections'),
  output: z
    .enum(['mu-law', 'logistic'])
    .default('mu-law')
    .describe(
      'distribution of a sample: a softmax over bins of the mu-law, or a mixture of logistics over even levels',
    ),
  levels: z
    .number()
    .int()
    .min(2)
    .max(65_536)
    .default(256)
    .describe('bins of the mu-law, or even levels (logistic; 65536 for 16 bits)'),
  components: count(10, 100).meta(usedWith({ output: 'logistic' }, 'components of the mixture')),
  conditional: z.boolean().default(false).describe('condition on the class'),
});
export type WavenetOptions = z.infer<typeof options>;

/**
 * WaveNet (van den Oord et al. 2016): a clip's samples are companded by the mu-law and rounded to `levels` bins, and
 *
 *   p(x) = prod_t p(x_t | x_1 ... x_t-1)                                                       eq. 1
 *   z = tanh(W_f * h + V_f y) . sigmoid(W_g * h + V_g y)                             eq. 2; with class y, section 2.5
 *
 * where * is a causal convolution of width 2, dilated by 1, 2, 4, ... in each stack; each layer adds a 1x1 convolution
 * of z to its input and another to the skip connections (figure 4), from which a softmax over the bins comes. With
 * `output: 'logistic'` samples are rounded to evenly spaced levels instead, go in as values, and a mixture of logistics
 * gives their probabilities (`wavenet-output.ts`); nats of other levels, or of the mu-law's bins, do not compare.
 *
 * The loss is -log p of the clip: a probability of levels, not a density of samples.
 */
function build(wavenet: WavenetOptions, data: DataDescription): Trainable {
  const { levels, components, conditional } = wavenet;
  const shape = [...data.spec.shape];
  const time = shape[0]!;
  const output = wavenet.output === 'mu-law' ? muLawOutput(levels) : logisticOutput(levels, components);
  const network: WavenetNetwork = {
    output,
    dilations: dilationsOf(wavenet.layers, wavenet.stacks),
    filters: wavenet.filters,
    skipFilters: wavenet.skipFilters,
    classes: conditional ? data.classNames.length : 0,
  };
  const parameters = wavenetSpecs(network);

  /** log p of the clips' levels: [batch, time] (and [batch] classes) to [batch]. */
  const logProb = (state: NamedTensors, x: tf.Tensor, label: tf.Tensor | undefined) => {
    const index = tf.transpose(output.index(x)) as tf.Tensor2D; // [time, batch]
    const classes = conditional ? (label as tf.Tensor1D) : undefined;
    const distributions = wavenetForward(network, state, index, classes); // [time * batch, C]
    const each = output.logProb(distributions, tf.reshape(index, [-1])); // [time * batch]
    return tf.sum(tf.reshape(each, [time, -1]), 0);
  };

  return gradientModel({
    parameters,
    // Scaled to a sample, the loss and its gradient do not depend on the length of the clips.
    loss: (state, { data: x, label }) => ({ loss: tf.div(tf.neg(tf.mean(logProb(state, x, label))), time) }),
    programs: wavenetPrograms(network, data.spec, logProb),
  });
}

function refuses({ spec, classNames }: DataDescription, wavenet: WavenetOptions): string | null {
  if (spec.kind !== 'audio') return 'models sound: it needs audio, such as --data audio';
  if (spec.range[0] !== -1 || spec.range[1] !== 1) return 'needs samples in [-1, 1]';
  if (wavenet.conditional && classNames.length < 2) {
    return 'conditional needs data with classes; leave out --conditional';
  }
  return null;
}

export const wavenet = defineFamily<WavenetOptions>({
  name: 'wavenet',
  title: 'WaveNet, dilated causal convolutions for sound',
  taxonomy: ['explicit density', 'tractable', 'fully visible belief net'],
  equation: 'p(x) = ∏_t p(x_t | x_<t), dilated convolutions',
  sources: [
    'van den Oord et al. 2016, arXiv:1609.03499',
    'Le Paine et al. 2016, arXiv:1611.09482 (sampling with cached states)',
  ],
  options,
  defaults: { steps: 10_000, batchSize: 4, learningRate: 1e-3, ema: 0.999 },
  refuses,
  build,
  reproduce: {
    fsdd: {
      summary: 'Quarter-second clips of the Free Spoken Digit Dataset at 8 kHz (--clip-seconds 0.25)',
      data: 'audio',
      options: { layers: 7, stacks: 2, filters: 32, skipFilters: 64 },
      training: { steps: 10_000, batchSize: 4, learningRate: 1e-3 },
      published:
        'none (the paper gives no likelihoods); held-out nats per sample of simpler models: 4.86 a mu-law histogram, ' +
        '3.58 linear prediction of order 16 with a Laplace residual of adaptive scale',
    },
  },
});
