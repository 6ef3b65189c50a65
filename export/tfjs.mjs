/** The one module that imports TensorFlow.js, as it is published; everything but its corrections takes it from `src/tf.ts`. */
import { createRequire } from 'node:module';

/** Required: `import` would have Node read megabytes of CommonJS twice, which takes three times as long. */
export const tf = createRequire(import.meta.url)('@tensorflow/tfjs');
