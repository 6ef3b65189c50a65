import { z } from 'zod';
import { usedWith } from '../../model/option-use.ts';
import { activationNames } from '../../nn/activations.ts';

/** Options of encoders and decoders that may be perceptrons or convolutional. */
export const architectureOptions = {
  architecture: z.enum(['mlp', 'conv']).default('mlp').describe('mlp, or conv for images (strided layers)'),
  filters: z
    .array(z.number().int().min(1))
    .min(1)
    .max(6)
    .default([32, 64])
    .meta(
      usedWith(
        { architecture: 'conv' },
        'filters of the strided layers, from the image inwards, each halving its size',
      ),
    ),
  blocks: z
    .number()
    .int()
    .min(0)
    .max(16)
    .default(0)
    .meta(usedWith({ architecture: 'conv' }, 'residual blocks of two convolutions after each strided layer')),
  activation: z.enum(activationNames).default('relu').describe('after every layer but the last'),
};
