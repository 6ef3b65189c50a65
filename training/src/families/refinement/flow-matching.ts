import { tf } from '@generatrix/export';
import { z } from 'zod';
import { sampleStepsOption } from '../../core/chain.ts';
import { fromData, measureScale, scaleSpecs } from '../../core/data-scale.ts';
import { gradientModel } from '../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import { usedWith } from '../../model/option-use.ts';
import { asKind } from '../../model/state.ts';
import { conditionalDenoiser, refinementOptions, refinementRefuses } from './conditional-denoiser.ts';
import { flowPrograms } from './flow-programs.ts';
import { between, flowRefinement } from './flow-refinement.ts';
import { solverNames, solvers } from './ode.ts';
import { refinementPrograms } from './refinement-programs.ts';

const options = z.strictObject({
  ...refinementOptions,
  solver: z
    .enum(solverNames)
    .default('midpoint')
    .describe(
      'how a sample follows the flow: euler looks at the network once a step, midpoint and heun twice, rk4 four times',
    ),
  sampleSteps: sampleStepsOption(20, 1),
  densitySteps: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(16)
    .meta(usedWith({ data: 'points' }, 'steps of the classical Runge-Kutta method that log-densities take')),
});
export type FlowMatchingOptions = z.infer<typeof options>;

/**
 * Flow matching on straight lines from noise to data (Lipman et al. 2023, eq. 22 and 23 with sigma_min = 0; rectified
 * flow, Liu et al. 2023, eq. 1):
 *
 *   x_t = (1 - t) x_0 + t x_1,   x_0 ~ N(0, I),   loss = E |v(x_t, t) - (x_1 - x_0)|^2, the mean over the values
 *
 * Samples follow dx/dt = v(x, t) from noise at 0 to data at 1. `predicted` is where the flow would end if it went on
 * straight, x_t + (1 - t) v: the mean of the examples that x_t may come from.
 */
function build(flow: FlowMatchingOptions, data: DataDescription): Trainable {
  const { spec } = data;
  const network = conditionalDenoiser(flow, data);
  const shape = [...spec.shape];
  return gradientModel({
    parameters: network.parameters,
    state: asKind('data', scaleSpecs(spec)),
    initialise: measureScale,
    noise: {
      start: { distribution: 'normal', shape },
      time: { distribution: 'uniform', shape: [1] },
      ...network.noise,
    },
    loss: (state, { data: examples, label, noise }) => {
      const end = fromData(state, examples, spec);
      const start = noise.start!;
      const time = noise.time!; // [batch, 1]
      const share = tf.reshape(time, [time.shape[0]!, ...shape.map(() => 1)]);
      const along = between(start, end, share);
      const told = { time: tf.squeeze(time, [1]), label: network.hidden(label, noise) };
      const velocity = network.trained(state, along, told, noise);
      return { loss: tf.mean(tf.square(tf.sub(velocity, tf.sub(end, start)))) };
    },
    programs: {
      ...refinementPrograms(
        flowRefinement({
          ...{ spec, steps: flow.sampleSteps, inputs: network.inputs },
          step: (state, x, { time, size, inputs }) => {
            const field = (at: tf.Tensor, when: tf.Tensor) =>
              network.guided(state, at, { time: tf.reshape(when, [1]) }, inputs);
            return solvers[flow.solver](field, x, time, size);
          },
        }),
      ),
      ...flowPrograms({
        spec,
        field:
          (state, { label }) =>
          (x, time) =>
            network.told(state, x, { time: tf.reshape(time, [1]), label }),
        labelInputs: network.labelInputs,
        solver: flow.solver,
        steps: flow.sampleSteps,
        densitySteps: flow.densitySteps,
      }),
    },
  });
}

export const flowmatching = defineFamily<FlowMatchingOptions>({
  name: 'flowmatching',
  title: 'Flow matching: rectified flow',
  taxonomy: ['explicit density', 'tractable', 'flow'],
  equation: 'dx/dt = v(x, t),  v ≈ E[x_1 − x_0 | x_t]',
  sources: [
    'Lipman, Chen, Ben-Hamu, Nickel and Le 2023, arXiv:2210.02747',
    'Liu, Gong and Liu 2023, arXiv:2209.03003 (rectified flow)',
    'Ho and Salimans 2022, arXiv:2207.12598 (guidance)',
    'Ho, Jain and Abbeel 2020, arXiv:2006.11239 (the network)',
  ],
  options,
  defaults: { steps: 5000, batchSize: 128, learningRate: 1e-3, schedule: 'cosine', ema: 0.999 },
  refuses: refinementRefuses,
  build,
  reproduce: {
    moons: {
      summary: 'Two moons in a minute of one core',
      data: 'moons',
      options: {},
      training: { steps: 6000, batchSize: 256 },
      published: 'none; by quadrature the distribution itself scores -0.770 nats on its test points',
    },
    ring8: {
      summary: 'Eight Gaussians on a ring in a minute of one core',
      data: 'ring8',
      options: {},
      training: { steps: 6000, batchSize: 256 },
      published: 'none; the data is drawn from a known mixture',
    },
    checkerboard: {
      summary: 'The checkerboard in two or three minutes of one core',
      data: 'checkerboard',
      options: {},
      training: { steps: 12_000, batchSize: 512 },
      published: 'none; the density of the distribution is 1/32 on its squares, so at best -3.4657 nats',
    },
    digits8: {
      summary: 'Drawn digits of 8x8 pixels by class in two or three minutes of one core',
      data: 'digits8',
      options: { filters: [24, 48], conditional: true },
      training: { steps: 2000, batchSize: 64 },
      published: 'none',
    },
    'mnist-laptop': {
      summary: 'MNIST by class, about 67 minutes of one core',
      data: 'mnist',
      options: { conditional: true },
      training: { steps: 4500, batchSize: 64 },
      published: 'none of this size',
    },
  },
});
