import { z } from 'zod';

/** Options of encoders and decoders that may be perceptrons or convolutional. */
export const architectureOptions = {
  architecture: z
    .enum(['mlp', 'conv'])
    .default('mlp')
    .describe('mlp, or conv for images (two strided layers)'),
  filters: z
    .array(z.number().int().min(1))
    .length(2)
    .default([32, 64])
    .describe('filters of the two layers (conv)'),
};
