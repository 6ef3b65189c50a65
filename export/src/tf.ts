/**
 * TensorFlow.js: ops, layers, gradients and the CPU backend, one shared instance, with the kernels and gradients
 * corrected that it computes wrongly.
 * Production mode only silences the banner that the CPU backend prints on first use, and debug checks.
 */

import { tf } from '../tfjs.mjs';
import { correctGradients } from './eager/gradients.ts';
import { correctKernels } from './eager/kernels.ts';

tf.env().set('PROD', true);
correctKernels(tf);
correctGradients(tf);

export { tf };
