import { type NamedTensors, tf } from '@generatrix/export';
import { z } from 'zod';
import { sampleStepsOption } from '../../core/chain.ts';
import { fromData, measureScale, scaleSpecs } from '../../core/data-scale.ts';
import { gradientModel } from '../../core/gradient-model.ts';
import { lossAndGradients } from '../../core/gradients.ts';
import { usedParameters } from '../../core/parameter-average.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import { asKind } from '../../model/state.ts';
import { conditionalDenoiser, refinementOptions, refinementRefuses } from './conditional-denoiser.ts';
import { flowPrograms } from './flow-programs.ts';
import { between, flowRefinement } from './flow-refinement.ts';
import { solvers } from './ode.ts';
import { refinementPrograms } from './refinement-programs.ts';

const options = z.strictObject({
  ...refinementOptions,
  sampleSteps: sampleStepsOption(4, 1),
  consistent: z
    .number()
    .min(0.01)
    .max(0.9)
    .default(0.25)
    .describe('share of a batch that learns to take two steps at once; the rest learns the flow'),
  densitySteps: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(16)
    .describe('steps of the classical Runge-Kutta method that log-densities take (points)'),
});
export type ShortcutOptions = z.infer<typeof options>;

/** Doublings from the finest step, 1/128, to the whole way: as Frans et al. 2024, section 4, have it. */
const doublings = 7;
/** Steps of the flow between points and their codes, in which it is followed as it was trained. */
const codeSteps = 20;

/** How fine a step is, in [0, 1]: 0 for the whole way, 1 for 1/128 of it and below. */
const finenessOf = (size: tf.Tensor) => tf.clipByValue(tf.div(tf.log(size), -doublings * Math.LN2), 0, 1);

/**
 * Shortcut models (Frans et al. 2024, arXiv:2410.12557): the velocity of a flow is told the size of the step to be taken,
 * s(x_t, t, d), and learns where the flow leads in that step, so that few steps, or one, are enough.
 *
 *   flow:         |s(x_t, t, 0) - (x_1 - x_0)|^2                                           eq. 5, first term
 *   consistency:  |s(x_t, t, 2d) - (s(x_t, t, d) + s(x_t + d s(x_t, t, d), t + d, d)) / 2|^2    second term
 *
 * with t a multiple of 2d, d from 1/128 to 1/2 in doublings, and targets by the running mean of the weights, which are not
 * differentiated. A share of each batch has the second loss; the loss is the mean over all values.
 */
function build(shortcut: ShortcutOptions, data: DataDescription): Trainable {
  const { spec } = data;
  const network = conditionalDenoiser(shortcut, data, true);
  const shape = [...spec.shape];
  const field =
    (state: NamedTensors, { label }: NamedTensors) =>
    (x: tf.Tensor, time: tf.Tensor) =>
      network.told(state, x, { time: tf.reshape(time, [1]), label, fineness: tf.ones([1]) });
  return gradientModel({
    parameters: network.parameters,
    state: asKind('data', scaleSpecs(spec)),
    initialise: measureScale,
    noise: {
      start: { distribution: 'normal', shape },
      time: { distribution: 'uniform', shape: [1] },
      doubling: { distribution: 'uniform', shape: [1] },
      ...network.noise,
    },
    metrics: {
      // A network that says nothing is consistent: what two steps should give grows with what it learns.
      loss: { direction: 'neither' },
      consistency: { direction: 'neither' },
      flow: { direction: 'falls' },
    },
    gradients: (state, { data: examples, label, noise }) => {
      const batch = examples.shape[0]!;
      const some = Math.min(batch - 1, Math.max(1, Math.round(shortcut.consistent * batch)));
      const [ones, first] = [shape.map(() => 1), <T extends tf.Tensor>(x: T) => tf.slice(x, 0, some) as T];
      const wide = (x: tf.Tensor) => tf.reshape(x, [-1, ...ones]);
      const uniform = tf.squeeze(noise.time!, [1]); // [batch]
      // 0 for the whole way, up to 6 for 1/64 of it: [some]
      const halvings = tf.floor(tf.mul(doublings, tf.squeeze(first(noise.doubling!), [1])));
      const parts = tf.pow(2, halvings);
      const size = tf.div(1, parts);
      const onGrid = tf.div(tf.floor(tf.mul(first(uniform), parts)), parts);
      const time = tf.concat([onGrid, tf.slice(uniform, some)]); // [batch]
      const [start, end] = [noise.start!, fromData(state, examples, spec)];
      const x = between(start, end, wide(time));
      const told = network.hidden(label, noise);

      const teacher = usedParameters(state, network.parameters);
      const half = tf.div(size, 2);
      const known = { label: told && first(told), fineness: tf.div(tf.add(halvings, 1), doublings) };
      const one = network.told(teacher, first(x), { ...known, time: onGrid });
      const next = tf.add(first(x), tf.mul(wide(half), one));
      const two = network.told(teacher, next, { ...known, time: tf.add(onGrid, half) });
      const straight = tf.slice(tf.sub(end, start), some);
      const target = tf.concat([tf.div(tf.add(one, two), 2), straight]);
      const fineness = tf.concat([tf.div(halvings, doublings), tf.ones([batch - some])]);

      return lossAndGradients(state, network.parameters, (at) => {
        const velocity = network.trained(at, x, { time, label: told, fineness }, noise);
        const squared = tf.square(tf.sub(velocity, target));
        return {
          loss: tf.mean(squared),
          metrics: { flow: tf.mean(tf.slice(squared, some)), consistency: tf.mean(first(squared)) },
        };
      });
    },
    programs: {
      ...refinementPrograms(
        flowRefinement({
          ...{ spec, steps: shortcut.sampleSteps, inputs: network.inputs },
          step: (state, x, { time, size, inputs }) => {
            const told = { time: tf.reshape(time, [1]), fineness: tf.reshape(finenessOf(size), [1]) };
            return solvers.euler((at) => network.guided(state, at, told, inputs), x, time, size);
          },
        }),
      ),
      ...flowPrograms({
        ...{ spec, field, labelInputs: network.labelInputs, solver: 'midpoint' },
        ...{ steps: codeSteps, densitySteps: shortcut.densitySteps },
      }),
    },
  });
}

export const shortcut = defineFamily<ShortcutOptions>({
  name: 'shortcut',
  title: 'Shortcut model: a flow in one step or a few',
  taxonomy: ['explicit density', 'tractable', 'flow'],
  equation: 's(x_t, t, 2d) = (s(x_t, t, d) + s(x_t + d s(x_t, t, d), t + d, d)) / 2',
  sources: [
    'Frans, Hafner, Levine and Abbeel 2024, arXiv:2410.12557',
    'Liu, Gong and Liu 2023, arXiv:2209.03003 (rectified flow)',
  ],
  options,
  defaults: { steps: 5000, batchSize: 128, learningRate: 1e-3, schedule: 'cosine', ema: 0.999 },
  refuses: refinementRefuses,
  build,
  reproduce: {
    moons: {
      summary: 'Two moons in one step or a few',
      data: 'moons',
      options: {},
      training: { steps: 6000, batchSize: 256 },
      published: 'none',
    },
    digits8: {
      summary: 'Drawn digits of 8x8 pixels by class in one step or a few',
      data: 'digits8',
      options: { filters: [24, 48], conditional: true },
      training: { steps: 2000, batchSize: 64 },
      published: 'none',
    },
    'mnist-laptop': {
      summary: 'MNIST by class in one step or a few, at the sizes of the preset of flowmatching',
      data: 'mnist',
      options: { conditional: true },
      training: { steps: 4500, batchSize: 64 },
      published: 'none of this size',
    },
  },
});
