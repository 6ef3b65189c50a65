/** The one module that imports TensorFlow.js, as it is published; everything but its corrections takes it from `tf.ts`. */
import tf from '@tensorflow/tfjs';

export { tf };
