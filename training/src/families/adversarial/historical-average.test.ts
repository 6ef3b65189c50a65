import { type NamedTensors, tf } from '@generatrix/export';
import { hostTensor } from '@generatrix/runtime/core';
import { beforeAll, expect, it } from 'vitest';
import { historySpecs, pulledToHistory, recordHistory, startHistory } from './historical-average.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const parameters = { w: { shape: [2], initial: 0 } };

it('keeps the mean of all values so far, the first one included', () => {
  const path = [
    [1, 4],
    [2, -2],
    [6, 7],
    [-1, 0.5],
  ];
  const start = startHistory({ w: hostTensor('float32', [2], path[0]!) }, parameters, 0.1);
  expect([...start['history/w']!.data]).toEqual(path[0]);
  let state: NamedTensors = { 'history/w': tf.tensor1d(path[0]!), 'history/count': tf.scalar(1) };
  for (const w of path.slice(1)) {
    state = { ...state, ...recordHistory({ ...state, w: tf.tensor1d(w) }, parameters, 0.1) };
  }
  const mean = [0, 1].map((k) => path.reduce((total, w) => total + w[k]!, 0) / path.length);
  for (const [k, value] of [...state['history/w']!.dataSync()].entries())
    expect(value).toBeCloseTo(mean[k]!, 5);
});

it('pulls with the gradient of weight |w - mean|^2', () => {
  const state = { w: tf.tensor1d([1, 5]), 'history/w': tf.tensor1d([2, 2]) };
  const pulled = pulledToHistory(state, { w: tf.tensor1d([10, 20]) }, 0.25);
  expect([...pulled.w!.dataSync()]).toEqual([10 + 0.5 * -1, 20 + 0.5 * 3]);
});

it('has no slots and does nothing at weight 0', () => {
  expect(historySpecs(parameters, 0)).toEqual({});
  expect(recordHistory({}, parameters, 0)).toEqual({});
});
