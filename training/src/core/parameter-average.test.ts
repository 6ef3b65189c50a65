import { type NamedTensors, tf } from '@generatrix/export';
import { hostTensor } from '@generatrix/runtime/core';
import { beforeAll, expect, it } from 'vitest';
import { average, averaged, averageSpecs, startAverages } from './parameter-average.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const parameters = { w: { shape: [2], initial: 0 } };

it.each([0.2, 0.9])('is the exponential mean in doubles, its start forgotten: decay %f', (decay) => {
  const path = [0, 1, 2, 3, 4, 5, 6].map((n) => [Math.sin(3 * n) * 4, 100 - n * n]);
  let state: NamedTensors = { 'average/w': tf.tensor1d([7, 7]), 'average/count': tf.scalar(0) };
  let mean = [7, 7];
  for (const [n, w] of path.entries()) {
    state = { ...state, ...average({ ...state, w: tf.tensor1d(w) }, parameters, decay) };
    // The old mean weighs nothing at first, then n / (n + 10), never more than the decay.
    const keep = Math.min(n / (n + 10), decay);
    mean = mean.map((old, k) => keep * old + (1 - keep) * w[k]!);
    for (const [k, value] of [...state['average/w']!.dataSync()].entries()) {
      expect(value).toBeCloseTo(mean[k]!, 4);
    }
    expect(state['average/count']!.dataSync()[0]).toBe(n + 1);
  }
});

it('takes the place of the parameters, and leaves everything else', () => {
  const state = { w: tf.scalar(1), 'average/w': tf.scalar(2), other: tf.scalar(3) };
  const shown = averaged(state, parameters, 0.5);
  expect([shown.w, shown.other]).toEqual([state['average/w'], state.other]);
  expect(averaged(state, parameters, 0)).toBe(state);
});

it('starts at the parameters, and has no slots at decay 0', () => {
  const state = { w: hostTensor('float32', [2], [3, -1]) };
  expect(startAverages(state, parameters, 0.5)['average/w']).toEqual(state.w);
  expect(averageSpecs(parameters, 0.5)).toEqual({
    'average/count': { shape: [], initial: 0, kind: 'slot' },
    'average/w': { shape: [2], initial: 0, kind: 'slot' },
  });
  expect([averageSpecs(parameters, 0), average({}, parameters, 0)]).toEqual([{}, {}]);
});
