import type { tf } from '../tf.ts';
import { complexComposites } from './complex.ts';
import { countingComposites } from './counting.ts';
import { dilationComposites } from './dilation.ts';
import { fusedComposites } from './fused.ts';
import { imageComposites } from './image.ts';
import { placingComposites } from './placing.ts';
import { suppressionComposites } from './suppression.ts';
import { volumeComposites } from './volume.ts';

/**
 * Kernels traced as a composition of simpler ones, by name. What is composed here needs no shape rule and no
 * lowering of its own: it runs on every device and in a GraphModel, for any batch size, as its parts do.
 */
export const composites: Readonly<Record<string, tf.KernelFunc>> = {
  ...complexComposites,
  ...countingComposites,
  ...dilationComposites,
  ...fusedComposites,
  ...imageComposites,
  ...placingComposites,
  ...suppressionComposites,
  ...volumeComposites,
};
