import { defineFamily, dense, gradientModel, inference, mlp, sequential, tf, z } from '@generatrix/training';

const options = z.strictObject({
  hidden: z.array(z.number().int().min(1)).default([64, 64]).describe('widths of the hidden layers'),
  jumps: z.number().int().min(1).max(200).default(20).describe('Euler steps from noise to a sample'),
});

/**
 * Rectified flow: a network learns the velocity that carries noise z to data x along a straight line,
 * x_t = (1 - t) z + t x; a sample follows the velocity from t = 0 to 1.
 */
export default defineFamily<z.infer<typeof options>>({
  name: 'straight-flow',
  title: 'Rectified flow',
  taxonomy: ['implicit density', 'direct', 'flow matching'],
  equation: 'dx/dt = v(x, t), v = argmin E|v((1 - t) z + t x, t) - (x - z)|^2',
  sources: ['Liu, Gong and Liu 2022'],
  options,
  defaults: { steps: 2000, batchSize: 256, learningRate: 3e-3, schedule: 'cosine' },
  build({ hidden, jumps }, { spec }) {
    const shape = [...spec.shape];
    const width = shape.reduce((product, size) => product * size, 1);
    const network = sequential([mlp('velocity', width + 1, hidden), dense('out', hidden.at(-1)!, width)]);
    const velocity = (state: Record<string, tf.Tensor>, x: tf.Tensor, t: tf.Tensor) =>
      network.apply(state, tf.concat([x, t], 1), inference);
    return gradientModel({
      parameters: network.specs,
      noise: {
        z: { distribution: 'normal', shape: [width] },
        t: { distribution: 'uniform', shape: [1] },
      },
      loss: (state, { data, noise }) => {
        const [x, z, t] = [tf.reshape(data, [-1, width]), noise.z!, noise.t!];
        const between = tf.add(tf.mul(tf.sub(1, t), z), tf.mul(t, x));
        return { loss: tf.mean(tf.square(tf.sub(velocity(state, between, t), tf.sub(x, z)))) };
      },
      programs: {
        sample: {
          signature: {
            inputs: { z: { dtype: 'float32', shape: [width], role: 'noise', distribution: 'normal' } },
            outputs: { data: { dtype: 'float32', shape, meaning: 'data' } },
          },
          run: (state, { z }) => {
            let x = z!;
            const zeros = tf.zeros([x.shape[0]!, 1]);
            for (let i = 0; i < jumps; i++)
              x = tf.add(x, tf.div(velocity(state, x, tf.add(zeros, i / jumps)), jumps));
            return { data: tf.reshape(x, [-1, ...shape]) };
          },
        },
      },
    });
  },
});
