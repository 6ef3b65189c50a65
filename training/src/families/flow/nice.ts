import { sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import { chain, diagonalScaling, evenFirst, flattening, reversed } from './bijection.ts';
import { mlpConditioner } from './conditioner.ts';
import { splitCoupling } from './coupling.ts';
import { buildFlow, flowOptions, flowRefuses } from './flow.ts';
import { type Moments, unitLogScale } from './flow-start.ts';

const options = z.strictObject({
  couplings: z
    .number()
    .int()
    .min(2)
    .max(64)
    .default(4)
    .describe('additive coupling layers, which change odd and even entries in turn'),
  hidden: z
    .array(z.number().int().min(1))
    .min(1)
    .default([256, 256, 256])
    .describe('widths of the hidden layers of each coupling'),
  prior: z.enum(['logistic', 'normal']).default('logistic').describe('distribution of the code'),
  ...flowOptions,
});
export type NiceOptions = z.infer<typeof options>;

/** Deviation of the standard logistic distribution. */
const logisticDeviation = Math.PI / Math.sqrt(3);

/**
 * NICE (Dinh et al. 2014). With I1 the entries of even index and I2 those of odd index (from 0), each layer adds a
 * network of one part to the other (section 3.2), and the last scales every dimension (section 3.3):
 *
 *   h_I2 = x_I2 + m(x_I1), then h_I1 += m'(h_I2), and so on;   z = exp(s) * h
 *   log p(x) = sum_i (log p(z_i) + s_i)
 *
 * Couplings keep volumes, so s alone tells which directions matter. Networks' last layers start at zero, and the
 * start takes their biases and s from the data's moments, so that each z_i begins centred with the prior's variance.
 */
function build({ couplings, hidden, prior, levels }: NiceOptions, data: DataDescription): Trainable {
  const dimensions = sizeOf(data.spec.shape);
  const widths = [Math.ceil(dimensions / 2), Math.floor(dimensions / 2)] as const;
  const order = evenFirst(dimensions);
  const layers = Array.from({ length: couplings }, (_, i) =>
    splitCoupling(`coupling/${i}`, {
      kind: 'additive',
      widths,
      changes: i % 2 === 0 ? 'second' : 'first',
      conditioner: mlpConditioner(hidden, data.spec.kind === 'image' ? 'glorot' : 'spread'),
    }),
  );
  return buildFlow(
    {
      bijection: chain([
        flattening(data.spec.shape),
        order,
        ...layers,
        reversed(order),
        diagonalScaling('scaling', dimensions),
      ]),
      prior,
      levels,
      alpha: null,
      start: ({ mean, variance }: Moments) => {
        const centred = (parity: number) => mean.filter((_, i) => i % 2 === parity).map((value) => -value);
        return {
          'coupling/0/output/bias': centred(1),
          'coupling/1/output/bias': centred(0),
          'scaling/logScale': unitLogScale(variance, prior === 'logistic' ? logisticDeviation : 1),
        };
      },
    },
    data,
  );
}

export const nice = defineFamily<NiceOptions>({
  name: 'nice',
  title: 'NICE: additive coupling flow',
  taxonomy: ['explicit density', 'tractable', 'flow'],
  equation: 'log p(x) = log p(f(x)) + log |det ∂f/∂x|',
  sources: [
    'Dinh, Krueger and Bengio 2014, arXiv:1410.8516',
    'Theis et al. 2016, arXiv:1511.01844 (dequantisation)',
  ],
  options,
  defaults: { steps: 5000, batchSize: 128, learningRate: 1e-3 },
  refuses: (data) => flowRefuses(data),
  build,
  reproduce: {
    mnist: {
      summary: 'NICE on MNIST with the published architecture; the published run has 1500 epochs',
      data: 'mnist',
      options: { couplings: 4, hidden: [1000, 1000, 1000, 1000, 1000], prior: 'logistic' },
      training: { steps: 60_000, batchSize: 128, learningRate: 3e-4 },
      published:
        '1980.50 nats of dequantised data in [0, 1], test split, which is 4.36 bits per dimension (Dinh et al. 2014, section 5.1; not checked)',
    },
    'mnist-small': {
      summary: 'A smaller NICE on MNIST for two cores',
      data: 'mnist',
      options: { couplings: 4, hidden: [256, 256, 256] },
      training: { steps: 20_000, batchSize: 128, learningRate: 1e-3 },
      published:
        '4.36 bits per dimension for five hidden layers of 1000 (Dinh et al. 2014, section 5.1; not checked)',
    },
  },
});
