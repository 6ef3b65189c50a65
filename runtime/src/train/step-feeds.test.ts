import { expect, it } from 'vitest';
import { fillNoise } from '../noise/noise.ts';
import { hostTensor } from '../program/tensor.ts';
import { drawInitialState } from './initial-state.ts';
import { type StepInputs, stackedFeeds, stepFeeds } from './step-feeds.ts';

const step = (n: number): StepInputs => ({
  data: hostTensor('float32', [2, 1], [n, n + 0.5]),
  label: hostTensor('int32', [2], [n, 10 + n]),
  weight: hostTensor('float32', [2], [1, n]),
  noise: { z: hostTensor('float32', [2], [-n, -n - 0.5]) },
  learningRate: n / 8,
  epochEnd: n === 2,
});

it('feeds a step by the names of its inputs', () => {
  expect(stepFeeds(step(2))).toEqual({
    data: hostTensor('float32', [2, 1], [2, 2.5]),
    label: hostTensor('int32', [2], [2, 12]),
    weight: hostTensor('float32', [2], [1, 2]),
    'noise/z': hostTensor('float32', [2], [-2, -2.5]),
    learningRate: hostTensor('float32', [], [0.25]),
    epochEnd: hostTensor('float32', [], [1]),
  });
});

it('stacks several steps one behind the other', () => {
  expect(stackedFeeds([1, 2, 3].map(step))).toEqual({
    data: hostTensor('float32', [3, 2, 1], [1, 1.5, 2, 2.5, 3, 3.5]),
    label: hostTensor('int32', [3, 2], [1, 11, 2, 12, 3, 13]),
    weight: hostTensor('float32', [3, 2], [1, 1, 1, 2, 1, 3]),
    'noise/z': hostTensor('float32', [3, 2], [-1, -1.5, -2, -2.5, -3, -3.5]),
    learningRate: hostTensor('float32', [3], [0.125, 0.25, 0.375]),
    epochEnd: hostTensor('float32', [3], [0, 1, 0]),
  });
});

it('a state starts at its constants, at normal numbers of its deviation, and at uniform ones on both sides of 0', () => {
  const state = drawInitialState(
    {
      constant: { shape: [2], initial: 3 },
      normal: { shape: [500], initial: { distribution: 'normal', scale: 0.5 } },
      uniform: { shape: [500], initial: { distribution: 'uniform', scale: 0.5 } },
    },
    7,
  );
  expect(state.constant).toEqual(hostTensor('float32', [2], [3, 3]));
  const drawn = (distribution: 'normal' | 'uniform') =>
    fillNoise({
      distribution,
      seed: 7,
      stream: `init/${distribution}`,
      firstIndex: 0,
      count: 1,
      shape: [500],
    });
  expect(state.normal!.data).toEqual(drawn('normal').map((value) => 0.5 * value));
  expect(state.uniform!.data).toEqual(drawn('uniform').map((value) => value - 0.5));
});
