import { tf } from '@generatrix/export';
import { z } from 'zod';
import { sampleStepsOption } from '../../core/chain.ts';
import { fromData, measureScale, scaleSpecs } from '../../core/data-scale.ts';
import { gradientModel } from '../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import { asKind } from '../../model/state.ts';
import { conditionalDenoiser, refinementOptions, refinementRefuses } from './conditional-denoiser.ts';
import { stepDeviation, stepMean } from './ddim.ts';
import { noiseSchedule, scheduleNames } from './noise-schedule.ts';
import { clipped, mixed, predictionNames, predictions, type Shares } from './prediction.ts';
import { refinementPrograms } from './refinement-programs.ts';

const options = z.strictObject({
  ...refinementOptions,
  timesteps: z
    .number()
    .int()
    .min(2)
    .max(10_000)
    .default(1000)
    .describe('steps from data to noise that the network is trained on'),
  noiseSchedule: z.enum(scheduleNames).default('cosine').describe('how the noise grows over these steps'),
  prediction: z
    .enum(predictionNames)
    .default('v')
    .describe('what the network tells: v, good at all amounts of noise, or epsilon, the noise itself'),
  sampleSteps: sampleStepsOption(50, 1),
  eta: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('noise of each step of a sample: none by 0 (DDIM), as in training by 1 (DDPM)'),
});
export type DdpmOptions = z.infer<typeof options>;

/**
 * Denoising diffusion (Ho et al. 2020): a network sees examples with noise, x_k = sqrt(a_k) x + sqrt(1 - a_k) epsilon,
 * and tells one from the other,
 *
 *   loss = E |epsilon - f(x_k, k)|^2,   or with v = sqrt(a_k) epsilon - sqrt(1 - a_k) x in the place of epsilon,
 *
 * the mean over the values. Samples go from noise to data in any number of these steps, with noise of their own or
 * without (DDIM, Song et al. 2021). `predicted` is the example that the network sees in what the sample is so far.
 */
function build(ddpm: DdpmOptions, data: DataDescription): Trainable {
  const { spec } = data;
  const { timesteps, sampleSteps } = ddpm;
  const network = conditionalDenoiser(ddpm, data);
  const prediction = predictions[ddpm.prediction];
  const shape = [...spec.shape];
  const ones = shape.map(() => 1);
  const images = 'range' in spec;
  const schedule = noiseSchedule(ddpm.noiseSchedule, timesteps);
  /** Of numbers of steps [n], 0 to all: [n, 1...]. */
  const sharesAt = (step: tf.Tensor): Shares => {
    const at = tf.cast(step, 'int32');
    const of = (table: readonly number[]) =>
      tf.reshape(tf.gather(tf.tensor1d([...table]), at), [-1, ...ones]);
    return { signal: of(schedule.signal), noise: of(schedule.noise) };
  };
  return gradientModel({
    parameters: network.parameters,
    state: asKind('data', scaleSpecs(spec)),
    initialise: measureScale,
    noise: {
      noise: { distribution: 'normal', shape },
      time: { distribution: 'uniform', shape: [1] },
      ...network.noise,
    },
    loss: (state, { data: examples, label, noise }) => {
      const step = tf.add(1, tf.floor(tf.mul(tf.squeeze(noise.time!, [1]), timesteps))); // [batch], 1 to all
      const shares = sharesAt(step);
      const parts = { clean: fromData(state, examples, spec), noise: noise.noise! };
      const told = { time: tf.div(step, timesteps), label: network.hidden(label, noise) };
      const predicted = network.trained(state, mixed(parts, shares), told, noise);
      return { loss: tf.mean(tf.square(tf.sub(predicted, prediction.target(parts, shares)))) };
    },
    programs: refinementPrograms({
      spec,
      steps: sampleSteps,
      mostSteps: timesteps,
      pointStepsPerCall: 10,
      noise: 'noise',
      inputs: {
        ...network.inputs,
        eta: { dtype: 'float32', shape: [], role: 'scalar', default: ddpm.eta, min: 0, max: 1 },
      },
      step: (state, { position }, { index, steps, noise, inputs }, held) => {
        const most = held ? tf.mul(timesteps, held.strength) : tf.scalar(timesteps);
        /** Steps of noise that are left before a step of the sample, 1 at least, and 0 after the last: [1]. */
        const left = (of: tf.Tensor) => {
          const share = tf.div(tf.mul(most, tf.sub(steps, of)), steps);
          const least = tf.cast(tf.less(of, steps), 'float32');
          // Shares of up to 10,000 steps do not end in .7 unless there are as many: rounding cannot change the result.
          return tf.reshape(tf.minimum(tf.maximum(tf.floor(tf.add(share, 0.3)), least), timesteps), [1]);
        };
        const [before, here, after] = [-1, 0, 1].map((by) => sharesAt(left(tf.add(index, by)))) as [
          Shares,
          Shares,
          Shares,
        ];
        const first = tf.equal(index, 0);
        // The noise of the step before is drawn here, so that each step draws once, the first its start.
        const drawn = tf.where(first, 1, stepDeviation(before, here, inputs.eta!));
        const free = tf.add(position!, tf.mul(drawn, noise.noise!));
        const image = held && mixed({ clean: held.image, noise: noise.noise! }, here);
        const fromImage = held && tf.logicalAnd(first, tf.less(held.strength, 1));
        const x = held ? held.hold(tf.where(fromImage!, image!, free), image!) : free;
        const time = tf.div(left(index), timesteps);
        const seen = prediction.parts(x, network.guided(state, x, { time }, inputs), here);
        const parts = images ? clipped(x, seen, here) : seen;
        const mean = stepMean(parts, after, stepDeviation(here, after, inputs.eta!));
        return { position: mean, predicted: parts.clean };
      },
    }),
  });
}

export const ddpm = defineFamily<DdpmOptions>({
  name: 'ddpm',
  title: 'Denoising diffusion',
  taxonomy: ['explicit density', 'approximate', 'variational'],
  equation: 'x_t = √ᾱ_t x + √(1 − ᾱ_t) ε,  ε ≈ ε_θ(x_t, t)',
  sources: [
    'Ho, Jain and Abbeel 2020, arXiv:2006.11239',
    'Song, Meng and Ermon 2021, arXiv:2010.02502 (DDIM)',
    'Nichol and Dhariwal 2021, arXiv:2102.09672 (cosine schedule)',
    'Salimans and Ho 2022, arXiv:2202.00512 (v)',
    'Ho and Salimans 2022, arXiv:2207.12598 (guidance)',
  ],
  options,
  defaults: { steps: 5000, batchSize: 128, learningRate: 1e-3, schedule: 'cosine', ema: 0.999 },
  refuses: (data, settings) => {
    const { sampleSteps, timesteps } = settings;
    if (sampleSteps > timesteps)
      return `sampleSteps ${sampleSteps} is more than the ${timesteps} steps that the network is trained on`;
    return refinementRefuses(data, settings);
  },
  build,
  reproduce: {
    moons: {
      summary: 'Two moons in a minute of one core',
      data: 'moons',
      options: {},
      training: { steps: 6000, batchSize: 256 },
      published: 'none',
    },
    digits8: {
      summary: 'Drawn digits of 8x8 pixels by class in two or three minutes of one core',
      data: 'digits8',
      options: { filters: [24, 48], conditional: true },
      training: { steps: 2000, batchSize: 64 },
      published: 'none',
    },
    'mnist-laptop': {
      summary: 'MNIST by class, about 65 minutes of one core',
      data: 'mnist',
      options: { conditional: true },
      training: { steps: 4500, batchSize: 64 },
      published: 'none of this size',
    },
  },
});
