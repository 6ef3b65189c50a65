import { convolutionLowerings } from './lower-convolution.ts';
import { elementwiseLowerings } from './lower-elementwise.ts';
import { gatherLowerings } from './lower-gather.ts';
import { matmulLowerings } from './lower-matmul.ts';
import { normalisationLowerings } from './lower-normalisation.ts';
import { poolingLowerings } from './lower-pooling.ts';
import { reductionLowerings } from './lower-reduction.ts';
import { resizeLowerings } from './lower-resize.ts';
import { shapeLowerings } from './lower-shape.ts';
import { sliceLowerings } from './lower-slice.ts';
import type { OnnxLowerings } from './lowering.ts';

/** How each tfjs kernel is written in ONNX. A kernel without an entry does not compile. */
export const onnxLowerings: OnnxLowerings = {
  ...convolutionLowerings,
  ...elementwiseLowerings,
  ...gatherLowerings,
  ...matmulLowerings,
  ...normalisationLowerings,
  ...poolingLowerings,
  ...reductionLowerings,
  ...resizeLowerings,
  ...shapeLowerings,
  ...sliceLowerings,
};
