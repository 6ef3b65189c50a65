import { tf } from '@generatrix/export';
import { expect, test } from 'vitest';
import { oneHot } from './one-hot.ts';

test.each([
  [3, [0, 2, 1], [1, 0, 0, 0, 0, 1, 0, 1, 0]],
  [2, [1, 0], [0, 1, 1, 0]],
  [1, [0, 0], [1, 1]],
])('rows of depth %d', async (depth, indices, expected) => {
  await tf.setBackend('cpu');
  const rows = oneHot(tf.tensor1d(indices, 'int32'), depth);
  expect(rows.shape).toEqual([indices.length, depth]);
  expect(rows.dtype).toBe('float32');
  expect([...rows.dataSync()]).toEqual(expected);
});
