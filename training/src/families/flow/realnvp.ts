import { sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import { usedWith } from '../../model/option-use.ts';
import { convolutionalConditioner } from './conditioner.ts';
import { buildFlow, flowOptions, flowRefuses } from './flow.ts';
import { pooled, unitLogScale } from './flow-start.ts';
import { firstLayer, imageFlow, vectorFlow } from './realnvp-layers.ts';

const options = z.strictObject({
  couplings: z
    .number()
    .int()
    .min(2)
    .max(64)
    .default(8)
    .meta(usedWith({ data: 'points' }, 'coupling layers, which change odd and even entries in turn')),
  hidden: z
    .array(z.number().int().min(1))
    .min(1)
    .default([64, 64])
    .meta(usedWith({ data: 'points' }, 'widths of the hidden layers of each coupling')),
  scales: z
    .number()
    .int()
    .min(1)
    .max(6)
    .default(2)
    .meta(usedWith({ data: 'image' }, 'scales, each with half the height and width of the one before')),
  perMask: z
    .number()
    .int()
    .min(1)
    .max(16)
    .default(3)
    .meta(usedWith({ data: 'image' }, 'couplings of each kind of mask at each scale; one more at the last')),
  network: z
    .enum(['resnet', 'conv'])
    .default('resnet')
    .meta(
      usedWith({ data: 'image' }, 'residual blocks or a plain stack of 3x3 convolutions in each coupling'),
    ),
  filters: z
    .number()
    .int()
    .min(1)
    .default(32)
    .meta(usedWith({ data: 'image' }, 'channels inside each coupling')),
  blocks: z
    .number()
    .int()
    .min(1)
    .max(32)
    .default(2)
    .meta(usedWith({ data: 'image' }, 'blocks or layers inside each coupling')),
  transform: z
    .enum(['affine', 'spline'])
    .default('affine')
    .describe(
      'what a coupling does to the entries that it changes: stretch and shift them, or a monotonic rational-quadratic spline',
    ),
  bins: z
    .number()
    .int()
    .min(2)
    .max(256)
    .default(8)
    .meta(usedWith({ transform: 'spline' }, 'pieces of a spline between its tails')),
  tailBound: z
    .number()
    .positive()
    .max(1000)
    .default(3)
    .meta(
      usedWith(
        { transform: 'spline' },
        'where the tails of a spline begin, which leave values as they are; data has deviation 1 at the start',
      ),
    ),
  prior: z.enum(['normal', 'logistic']).default('normal').describe('distribution of the code'),
  ...flowOptions,
  alpha: z
    .number()
    .positive()
    .max(0.49)
    .default(0.05)
    .describe('border of the logit: images are modelled as logit(alpha + (1 - 2 alpha) x)'),
});
export type RealNvpOptions = z.infer<typeof options>;

/**
 * Real NVP (Dinh et al. 2017). Each coupling stretches and shifts one part of the example by networks of the
 * other, which it leaves unchanged:
 *
 *   y_1 = x_1,   y_2 = x_2 * exp(s(x_1)) + t(x_1),   log |det dy/dx| = sum s(x_1)               eq. 4 to 6
 *
 * with s a tanh times a learned scale. Points: parts are the entries of even and of odd index, and s and t one
 * MLP. Images: checkerboard and channel masks over several scales (see `imageFlow`), s and t one convolutional
 * network, on the logit of the dequantised values (section 4.1).
 *
 * With `--transform spline` a monotonic rational-quadratic spline of each entry takes the place of stretch and shift
 * (Durkan et al. 2019; see `splineForward`), and the network says its knots.
 *
 * Other than in the paper: activation normalisation, started from the data, in the place of batch normalisation
 * (section 3.7), so that an example's density does not depend on its batch; no weight normalisation or penalty.
 */
function build(realnvp: RealNvpOptions, data: DataDescription): Trainable {
  const { spec } = data;
  const { prior, levels, alpha, transform, bins, tailBound } = realnvp;
  const kind = transform === 'spline' ? { bins, bound: tailBound } : transform;
  const images = spec.kind === 'image';
  const width = images ? spec.shape[2] : sizeOf(spec.shape);
  const bijection = images
    ? imageFlow(spec.shape, { ...realnvp, kind, conditioner: convolutionalConditioner(realnvp) })
    : vectorFlow(width, { ...realnvp, kind });
  return buildFlow(
    {
      bijection,
      prior,
      levels,
      alpha,
      start: (moments) => {
        const { mean, variance } = pooled(moments, width);
        return {
          [`${firstLayer}/shift`]: mean.map((value) => -value),
          [`${firstLayer}/logScale`]: unitLogScale(variance),
        };
      },
    },
    data,
  );
}

function refuses(data: DataDescription, { scales }: RealNvpOptions): string | null {
  const refusal = flowRefuses(data);
  if (refusal !== null || data.spec.kind !== 'image') return refusal;
  const [height, width] = data.spec.shape;
  const factor = 2 ** (scales - 1);
  if (height % factor === 0 && width % factor === 0) return null;
  return `scales ${scales} needs height and width that ${factor} divides, images are ${height}x${width}; use fewer scales`;
}

export const realnvp = defineFamily<RealNvpOptions>({
  name: 'realnvp',
  title: 'Real NVP: affine coupling flow',
  taxonomy: ['explicit density', 'tractable', 'flow'],
  equation: 'y_2 = x_2 ⊙ exp s(x_1) + t(x_1)',
  sources: [
    'Dinh, Sohl-Dickstein and Bengio 2017, arXiv:1605.08803',
    'Kingma and Dhariwal 2018, arXiv:1807.03039 (activation normalisation, zero start)',
    'Durkan et al. 2019, arXiv:1906.04032 (splines)',
    'Theis et al. 2016, arXiv:1511.01844 (dequantisation)',
  ],
  options,
  defaults: { steps: 5000, batchSize: 256, learningRate: 1e-3 },
  refuses,
  build,
  reproduce: {
    moons: {
      summary: 'Real NVP on two moons',
      data: 'moons',
      options: { couplings: 8, hidden: [64, 64] },
      training: { steps: 6000, batchSize: 512, learningRate: 4e-3, schedule: 'cosine' },
      published: 'none; by quadrature the distribution itself scores -0.770 nats on its test points',
    },
    checkerboard: {
      summary: 'Real NVP on the checkerboard',
      data: 'checkerboard',
      options: { couplings: 16, hidden: [128, 128] },
      training: { steps: 8000, batchSize: 512, learningRate: 2e-3, schedule: 'cosine' },
      published: 'none; the density of the distribution is 1/32 on its squares, so at best -3.4657 nats',
    },
    'checkerboard-spline': {
      summary: 'Neural spline flow on the checkerboard',
      data: 'checkerboard',
      options: { transform: 'spline', couplings: 4, hidden: [64, 64], bins: 16 },
      training: { steps: 8000, batchSize: 512, learningRate: 2e-3, schedule: 'cosine' },
      published: 'none; the density of the distribution is 1/32 on its squares, so at best -3.4657 nats',
    },
    mnist: {
      summary: 'A small Real NVP on MNIST for two cores',
      data: 'mnist',
      options: { scales: 3, filters: 32, blocks: 1 },
      training: { steps: 10_000, batchSize: 64, learningRate: 1e-3 },
      published:
        '1.06 bits per dimension, test split, for a larger Real NVP (Grathwohl et al. 2019, table 2; not checked)',
    },
    cifar10: {
      summary: 'Real NVP on a folder of CIFAR-10 images, much smaller than published',
      data: 'images',
      options: { scales: 2, filters: 64, blocks: 4 },
      training: { steps: 100_000, batchSize: 64, learningRate: 1e-3 },
      published:
        '3.49 bits per dimension, test split, with 8 residual blocks of 64 filters (Dinh et al. 2017, section 4.1; not checked)',
    },
  },
});
