import { type NamedTensors, tf } from '@generatrix/export';
import { z } from 'zod';
import { chainProgram, sampleStepsOption } from '../../core/chain.ts';
import { fromData, measureScale, scaleSpecs, unscaled } from '../../core/data-scale.ts';
import { gradientModel } from '../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import { asKind } from '../../model/state.ts';
import { newPass } from '../../nn/module.ts';
import { type Held, heldRows } from './completion.ts';
import { stepDeviation, stepMean } from './ddim.ts';
import { denoiser, denoiserOptions, denoiserRefuses } from './denoiser.ts';
import {
  classesOf,
  guidanceInputs,
  guidanceOptions,
  guidanceRefuses,
  guided,
  hidingNoise,
  partlyHidden,
} from './guidance.ts';
import { noiseSchedule, scheduleNames } from './noise-schedule.ts';
import { clipped, mixed, predictionNames, predictions, type Shares } from './prediction.ts';

const options = z.strictObject({
  ...denoiserOptions,
  ...guidanceOptions,
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
  sampleSteps: sampleStepsOption(50),
  eta: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('noise of each step of a sample: none by 0 (DDIM), as in training by 1 (DDPM)'),
});
export type DdpmOptions = z.infer<typeof options>;

/** Steps of a sample in one call. */
const stepsPerCall = 10;

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
  const classes = classesOf(ddpm, data);
  const network = denoiser(ddpm, data, classes);
  const prediction = predictions[ddpm.prediction];
  const shape = [...spec.shape];
  const ones = shape.map(() => 1);
  const images = 'range' in spec;
  const output = { dtype: 'float32', shape, meaning: 'data' } as const;
  const schedule = noiseSchedule(ddpm.noiseSchedule, timesteps);
  /** Of numbers of steps [n], 0 to all: [n, 1...]. */
  const sharesAt = (step: tf.Tensor): Shares => {
    const at = tf.cast(step, 'int32');
    const of = (table: readonly number[]) =>
      tf.reshape(tf.gather(tf.tensor1d([...table]), at), [-1, ...ones]);
    return { signal: of(schedule.signal), noise: of(schedule.noise) };
  };
  const shown = (state: NamedTensors, x: tf.Tensor) =>
    unscaled(state, images ? tf.clipByValue(x, -1, 1) : x, spec);
  /** The chain of samples, or of completions of what is held. */
  const chain = (held: Held | null) =>
    chainProgram({
      steps: sampleSteps,
      mostSteps: timesteps,
      stepsPerCall: Math.min(sampleSteps, stepsPerCall),
      carries: { position: shape, clean: shape },
      noise: { noise: { distribution: 'normal', shape } },
      inputs: {
        ...guidanceInputs(classes, ddpm.guidance),
        ...held?.inputs,
        eta: { dtype: 'float32', shape: [], role: 'scalar', default: ddpm.eta, min: 0, max: 1 },
      },
      outputs: { data: output, predicted: output },
      step: (state, { position }, { index, steps, noise, inputs }) => {
        /** Steps of noise that are left before a step of the sample: [1]. */
        const left = (of: tf.Tensor) => {
          const share = tf.div(tf.mul(timesteps, tf.sub(steps, of)), steps);
          // Shares of up to 10,000 steps do not end in .7 unless there are as many: rounding cannot change the result.
          return tf.reshape(tf.clipByValue(tf.floor(tf.add(share, 0.3)), 0, timesteps), [1]);
        };
        const [before, here, after] = [-1, 0, 1].map((by) => sharesAt(left(tf.add(index, by)))) as [
          Shares,
          Shares,
          Shares,
        ];
        // The noise of the step before is drawn here, so that each step draws once, the first its start.
        const drawn = tf.where(tf.equal(index, 0), 1, stepDeviation(before, here, inputs.eta!));
        const free = tf.add(position!, tf.mul(drawn, noise.noise!));
        const x = held
          ? held.hold(free, mixed({ clean: held.given(state, inputs), noise: noise.noise! }, here), inputs)
          : free;
        const time = tf.div(left(index), timesteps);
        const seen = prediction.parts(x, guided(network, classes, state, x, time, inputs), here);
        const parts = images ? clipped(x, seen, here) : seen;
        const mean = stepMean(parts, after, stepDeviation(here, after, inputs.eta!));
        return { position: mean, clean: parts.clean };
      },
      finish: (state, { position, clean }, inputs) => {
        const made = { data: shown(state, position!), predicted: shown(state, clean!) };
        if (held === null) return made;
        return { data: held.finished(made.data, inputs), predicted: held.finished(made.predicted, inputs) };
      },
    });
  return gradientModel({
    parameters: network.parameters,
    state: asKind('data', scaleSpecs(spec)),
    initialise: measureScale,
    noise: {
      noise: { distribution: 'normal', shape },
      time: { distribution: 'uniform', shape: [1] },
      ...hidingNoise(classes),
      ...network.noise,
    },
    loss: (state, { data: examples, label, noise }) => {
      const step = tf.add(1, tf.floor(tf.mul(tf.squeeze(noise.time!, [1]), timesteps))); // [batch], 1 to all
      const shares = sharesAt(step);
      const parts = { clean: fromData(state, examples, spec), noise: noise.noise! };
      const told = classes > 0 ? partlyHidden(label!, noise.hidden!, classes, ddpm.labelDropout) : undefined;
      const pass = newPass(true, noise);
      const predicted = network.apply(state, mixed(parts, shares), tf.div(step, timesteps), told, pass);
      return { loss: tf.mean(tf.square(tf.sub(predicted, prediction.target(parts, shares)))) };
    },
    programs: {
      advance: chain(null),
      ...(spec.kind === 'image' ? { complete: chain(heldRows(spec)) } : {}),
    },
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
    return denoiserRefuses(data, settings) ?? guidanceRefuses(settings, data);
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
