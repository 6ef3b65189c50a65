import { tf } from '@generatrix/export';
import { beforeAll, expect, it } from 'vitest';
import { adam, adamSpecs } from './adam.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('follows the updates of tf.train.adam, another implementation, on a quadratic', () => {
  const target = tf.tensor1d([1, -2, 3]);
  const loss = (w: tf.Tensor): tf.Scalar => tf.sum(tf.square(tf.sub(w, target)));
  const variable = tf.variable(tf.tensor1d([0.5, 0.5, 0.5]));
  const optimizer = tf.train.adam(0.05, 0.9, 0.999, 1e-8);
  const specs = { w: { shape: [3], initial: 0.5 } };
  let state: Record<string, tf.Tensor> = Object.fromEntries(
    Object.entries({ ...specs, ...adamSpecs(specs) }).map(([name, { shape, initial }]) => [
      name,
      tf.fill([...shape], initial as number),
    ]),
  );
  for (let step = 0; step < 25; step++) {
    optimizer.minimize(() => loss(variable));
    state = { ...state, ...adam(state, { w: tf.grad(loss)(state.w!) }, tf.scalar(0.05)) };
    // tfjs adds its epsilon before the bias correction, the paper's efficient form after it: a difference of 1e-8.
    expect(tf.max(tf.abs(tf.sub(state.w!, variable))).dataSync()[0]).toBeLessThan(1e-5);
  }
});
