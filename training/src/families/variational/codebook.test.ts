import { tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { codebook, constant, straightThrough } from './codebook.ts';

beforeAll(() => tf.setBackend('cpu'));

const stateOf = (vectors: number[][], counts: number[]) => ({
  'codebook/vectors': tf.tensor2d(vectors),
  'codebook/counts': tf.tensor1d(counts),
  'codebook/sums': tf.mul(tf.tensor2d(vectors), tf.expandDims(tf.tensor1d(counts), 1)),
});

describe('codebook', () => {
  it('finds the nearest entry, and looks it up', () => {
    const { nearest, lookUp } = codebook(3, 2, 0.9);
    const state = stateOf(
      [
        [0, 0],
        [10, 0],
        [0, 10],
      ],
      [1, 1, 1],
    );
    const index = nearest(
      state,
      tf.tensor2d([
        [1, 2],
        [6, 1],
        [4, 6],
      ]),
    );
    expect([...index.dataSync()]).toEqual([0, 1, 2]);
    expect([...lookUp(state, index).dataSync()]).toEqual([0, 0, 10, 0, 0, 10]);
  });

  it('shown the same vectors again and again, goes to the means of those nearest to each entry', () => {
    const { follow, nearest } = codebook(2, 1, 0.9);
    const z = tf.tensor2d([[0.9], [1.1], [1.3], [4.8], [5.2], [5.0]]);
    let state: Record<string, tf.Tensor> = stateOf([[0], [6]], [3, 3]);
    for (let i = 0; i < 200; i++) state = { ...follow(state, z).statistics };
    const [low, high] = state['codebook/vectors']!.dataSync();
    expect(low).toBeCloseTo(1.1, 3);
    expect(high).toBeCloseTo(5, 3);
    expect([...nearest(state, z).dataSync()]).toEqual([0, 0, 0, 1, 1, 1]);
    expect(follow(state, z).perplexity.dataSync()[0]).toBeCloseTo(2, 4);
  });

  it('an entry that nothing falls to any more starts again at a vector of the batch', () => {
    const { follow, nearest } = codebook(2, 1, 0.5);
    const z = tf.tensor2d([[1], [1.2], [3], [3.2]]);
    let state: Record<string, tf.Tensor> = stateOf([[2], [100]], [4, 4]);
    const at = () => Math.max(...state['codebook/vectors']!.dataSync());
    let steps = 0;
    while (at() > 50 && steps < 40) {
      state = { ...follow(state, z).statistics };
      steps++;
    }
    // Its count halves each step from 4: below 2 % of 2 after seven.
    expect(steps).toBe(7);
    for (let i = 0; i < 60; i++) state = { ...follow(state, z).statistics };
    expect(new Set(nearest(state, z).dataSync()).size).toBe(2);
  });
});

it('a straight-through function has the gradient of the identity, a constant one none', () => {
  const z = tf.tensor1d([0.4, 2.6]);
  const slope = (f: (x: tf.Tensor) => tf.Tensor) => [
    ...tf
      .grad((x) => tf.sum(f(x)))(z)
      .dataSync(),
  ];
  expect(slope((x) => tf.square(straightThrough(x, tf.round)))).toEqual([0, 6]);
  expect(slope((x) => tf.mul(x, constant(x, tf.round)))).toEqual([0, 3]);
});
