import { expect, it } from 'vitest';
import { hostTensor } from '../../../program/tensor.ts';
import { repeated, rowsAsked } from './programs.ts';

it('one example stands for all, and others get their turn while it is copied', async () => {
  const size = 2 ** 19;
  const values = Float32Array.from({ length: size }, (_, i) => i);
  let turns = 0;
  let running = true;
  const turn = () => {
    turns++;
    if (running) setImmediate(turn);
  };
  setImmediate(turn);
  const { data, shape } = await repeated(hostTensor('float32', [1, size], values), 8);
  running = false;
  expect(shape).toEqual([8, size]);
  expect([0, size - 1, size, 8 * size - 1].map((at) => data[at])).toEqual([0, size - 1, 0, size - 1]);
  expect(turns).toBeGreaterThanOrEqual(3);
});

it('several examples stand for themselves', async () => {
  const three = hostTensor('float32', [3, 1], [1, 2, 3]);
  expect([undefined, 1, 3].map((count) => rowsAsked(three, count))).toEqual([3, 3, 3]);
  expect(() => rowsAsked(three, 2)).toThrow('count: expected 3, one for each example given, got 2');
  expect(await repeated(three, 3)).toBe(three);
});
