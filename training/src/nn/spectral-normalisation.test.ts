import { type NamedTensors, tf } from '@generatrix/export';
import { beforeAll, expect, it } from 'vitest';
import { powerIteration, spectrallyNormalised, spectralSpecs } from './spectral-normalisation.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Largest singular value of [[a, b], [c, d]], in closed form: the larger root of t^2 - |W|_F^2 t + det^2, rooted. */
function largestSingularValue(a: number, b: number, c: number, d: number): number {
  const [frobenius, determinant] = [a * a + b * b + c * c + d * d, a * d - b * c];
  return Math.sqrt((frobenius + Math.sqrt(frobenius * frobenius - 4 * determinant * determinant)) / 2);
}

const entries = [3, 1, -2, 0.5] as const;

function iterated(turns: number): NamedTensors {
  let state: NamedTensors = {
    'layer/kernel': tf.tensor2d([...entries], [2, 2]),
    'layer/left': tf.tensor1d([1, 1]),
    'layer/right': tf.tensor1d([0.3, 1]),
  };
  for (let i = 0; i < turns; i++)
    state = { ...state, ...powerIteration(state, spectralSpecs('layer', 2, 2)) };
  return state;
}

it('divides by the largest singular value, once the power iteration has settled', () => {
  const state = iterated(30);
  const normalised = spectrallyNormalised(state, 'layer', state['layer/kernel']!).dataSync();
  const sigma = largestSingularValue(...entries);
  // The ratio of the singular values is 4, so 30 turns leave float32 rounding alone.
  for (const [i, entry] of entries.entries()) expect(normalised[i]).toBeCloseTo(entry / sigma, 5);
});

it('gains on it with every turn', () => {
  const off = [1, 2, 3].map((turns) => {
    const state = iterated(turns);
    const scale = entries[0] / spectrallyNormalised(state, 'layer', state['layer/kernel']!).dataSync()[0]!;
    return Math.abs(scale - largestSingularValue(...entries));
  });
  expect(off[1]).toBeLessThan(off[0]!);
  expect(off[2]).toBeLessThan(off[1]!);
});

it('has the gradient of W / sigma(W): the vectors are constants, and at the singular vectors that is exact', () => {
  const state = iterated(30);
  const weights = [0.7, -1.1, 0.4, 2];
  const gradient = tf
    .grad((kernel: tf.Tensor) =>
      tf.sum(tf.mul(tf.tensor2d(weights, [2, 2]), spectrallyNormalised(state, 'layer', kernel))),
    )(state['layer/kernel']!)
    .dataSync();
  const value = (w: readonly number[]) => {
    const sigma = largestSingularValue(...(w as [number, number, number, number]));
    return w.reduce((total, entry, i) => total + (weights[i]! * entry) / sigma, 0);
  };
  entries.forEach((_, i) => {
    const moved = (by: number) => entries.map((entry, j) => (i === j ? entry + by : entry));
    // Central differences of the closed form in float64; the gradient is float32.
    expect(gradient[i]).toBeCloseTo((value(moved(1e-5)) - value(moved(-1e-5))) / 2e-5, 4);
  });
});

it('reads the kernel of a convolution as a matrix whose columns are the output channels', () => {
  const kernel = tf.tensor4d([...entries], [1, 1, 2, 2]);
  const flat = iterated(3);
  const same = spectrallyNormalised(flat, 'layer', kernel);
  expect(same.shape).toEqual([1, 1, 2, 2]);
  expect([...same.dataSync()]).toEqual([
    ...spectrallyNormalised(flat, 'layer', flat['layer/kernel']!).dataSync(),
  ]);
});
