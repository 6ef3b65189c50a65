import { describe, expect, test } from 'vitest';
import type { InputSpec } from '../program/program.ts';
import { hostTensor } from '../program/tensor.ts';
import { checkDraws, estimateLogProb } from './score.ts';

const estimate = (...draws: number[][]) =>
  estimateLogProb(draws.length, draws[0]!.length, async (draw) =>
    hostTensor('float32', [draws[0]!.length], draws[draw]!),
  );

describe('estimateLogProb', () => {
  test('one draw is the weight itself', async () => {
    expect([...(await estimate([-3.5, 0, 1e30]))]).toEqual([-3.5, 0, Math.fround(1e30)]);
  });

  test('log of the mean of the weights, in whatever order they come', async () => {
    // log((1 + 3 + 8) / 3) = log 4
    const [up, down, mixed] = await estimate(
      [0, Math.log(8), Math.log(3)],
      [Math.log(3), Math.log(3), Math.log(8)],
      [Math.log(8), 0, 0],
    );
    for (const value of [up, down, mixed]) expect(value).toBeCloseTo(Math.log(4), 6); // float32 in and out
  });

  test('weights far below and above the range of exp', async () => {
    const values = await estimate([-1000, 1000, -1e4], [-1000 + Math.log(3), 1000, 0]);
    expect(values[0]).toBeCloseTo(-1000 + Math.log(2), 3); // float32 has 6e-5 between numbers at 1000
    expect(values[1]).toBeCloseTo(1000, 3);
    expect(values[2]).toBeCloseTo(-Math.log(2), 6);
  });

  test('zero weights and what is no number stay what they are', async () => {
    const zero = Number.NEGATIVE_INFINITY;
    const values = await estimate([zero, zero, Number.NaN, 1], [zero, 0, 1, Number.NaN]);
    expect(values[0]).toBe(zero);
    expect(values[1]).toBeCloseTo(-Math.log(2), 6);
    expect(values[2]).toBeNaN();
    expect(values[3]).toBeNaN();
  });
});

describe('checkDraws', () => {
  const noise = { dtype: 'float32', shape: [2], role: 'noise', distribution: 'normal' } as const;
  const x: InputSpec = { dtype: 'float32', shape: [2], role: 'data' };

  test('refuses several draws where two noise inputs do not both say what they belong to', () => {
    const silent = { x, eps: noise, uniform: noise };
    const half: Record<string, InputSpec> = { ...silent, eps: { ...noise, belongsTo: 'estimate' } };
    for (const inputs of [silent, half]) {
      expect(() => checkDraws('old', inputs, 50)).toThrow(
        /^model old does not say .* of 50: export the model/,
      );
      expect(() => checkDraws('old', inputs, 1)).not.toThrow();
    }
  });

  test('lets several draws pass where they do, or where there is one noise input', () => {
    const both: Record<string, InputSpec> = {
      x,
      eps: { ...noise, belongsTo: 'estimate' },
      uniform: { ...noise, belongsTo: 'example' },
    };
    for (const inputs of [both, { x, eps: noise }, { x }]) {
      expect(() => checkDraws('new', inputs, 50)).not.toThrow();
    }
  });
});
