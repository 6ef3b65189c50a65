import tf from '@tensorflow/tfjs';

export { tf };
