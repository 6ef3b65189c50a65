/**
 * The one module that imports TensorFlow.js: ops, layers, gradients and the CPU backend, one shared instance.
 * Production mode only silences the banner that the CPU backend prints on first use, and debug checks.
 */
import tf from '@tensorflow/tfjs';

tf.env().set('PROD', true);

export { tf };
