import { convolutionLowerings } from './lower-convolution.ts';
import { elementwiseLowerings } from './lower-elementwise.ts';
import { indexingLowerings } from './lower-indexing.ts';
import { matmulLowerings } from './lower-matmul.ts';
import { normalisationLowerings } from './lower-normalisation.ts';
import { poolingLowerings } from './lower-pooling.ts';
import { reductionLowerings } from './lower-reduction.ts';
import { resizeLowerings } from './lower-resize.ts';
import { shapeLowerings } from './lower-shape.ts';
import type { GraphModelLowerings } from './lowering.ts';

/** How each kernel is written as TensorFlow ops that `loadGraphModel` reads. Complete by its type. */
export const graphModelLowerings: GraphModelLowerings = {
  ...elementwiseLowerings,
  ...reductionLowerings,
  ...shapeLowerings,
  ...indexingLowerings,
  ...convolutionLowerings,
  ...poolingLowerings,
  ...normalisationLowerings,
  ...resizeLowerings,
  ...matmulLowerings,
};
