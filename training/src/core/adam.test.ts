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

it.each([
  { epsilon: 1e-8, scale: 1e-8 },
  { epsilon: 1e-8, scale: 3e-7 },
  { epsilon: 1e-3, scale: 1e-3 },
])('is algorithm 1 in doubles for gradients as small as epsilon: %j', ({ epsilon, scale }) => {
  const [beta1, beta2, rate] = [0.8, 0.95, 0.01];
  const gradients = [1, -0.5, 2, 0.25].map((factor) => factor * scale);
  let state: Record<string, tf.Tensor> = {
    ...{ w: tf.scalar(0), 'adam/count': tf.scalar(0) },
    ...{ 'adam/mean/w': tf.scalar(0), 'adam/variance/w': tf.scalar(0) },
  };
  let [w, m, v] = [0, 0, 0];
  for (const [i, g] of gradients.entries()) {
    const options = { beta1, beta2, epsilon };
    state = { ...state, ...adam(state, { w: tf.scalar(g) }, tf.scalar(rate), options) };
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    const [mean, variance] = [m / (1 - beta1 ** (i + 1)), v / (1 - beta2 ** (i + 1))];
    w -= (rate * mean) / (Math.sqrt(variance) + epsilon);
    expect(state.w!.dataSync()[0]! / w).toBeCloseTo(1, 4);
    expect(state['adam/mean/w']!.dataSync()[0]! / m).toBeCloseTo(1, 5);
    expect(state['adam/variance/w']!.dataSync()[0]! / v).toBeCloseTo(1, 5);
  }
});
