import { expect, test } from 'vitest';
import { fillNoise } from '../../noise/noise.ts';
import type { InputSpec } from '../../program/program.ts';
import { hostTensor } from '../../program/tensor.ts';
import { acceptRows, rowBytes } from './accept.ts';

const inputs = {
  u: { dtype: 'float32', shape: [3], role: 'noise', distribution: 'uniform' },
  cache: { dtype: 'float32', shape: [2], role: 'carry', initial: 0.5 },
  label: { dtype: 'int32', shape: [], role: 'label', classes: 4 },
  temperature: { dtype: 'float32', shape: [], role: 'scalar', default: 1 },
} satisfies Record<string, InputSpec>;
const key = { seed: 7, firstIndex: 3, count: 2 };

test('carries are given to the worker; what is absent is left to it', () => {
  const cache = hostTensor('float32', [2, 2], [1, 2, 3, 4]);
  const rows = acceptRows('advance', inputs, { ...key, carries: { cache } });
  expect(rows.given).toEqual({ cache });
  expect(rows.scalars).toEqual({ temperature: 1 });
  expect(acceptRows('advance', inputs, key).given).toEqual({});
});

test('a part of an example takes its part of the noise of the program for whole ones', () => {
  const { given } = acceptRows('advance', inputs, { ...key, chunk: { index: 2, of: 'sample' } });
  const whole = fillNoise({ distribution: 'uniform', stream: 'sample/u', shape: [9], ...key });
  expect([...given.u!.data]).toEqual([...whole.subarray(6, 9), ...whole.subarray(15, 18)]);
  expect([...given.cache!.data]).toEqual([0.5, 0.5, 0.5, 0.5]);
  expect([...given.label!.data]).toEqual([3, 0]);
  expect(given).not.toHaveProperty('temperature');
});

test('a row counts all inputs but scalars, and the outputs; a bool takes a byte', () => {
  const outputs = { data: { dtype: 'bool', shape: [5], meaning: 'data' } } as const;
  expect(rowBytes({ inputs, outputs })).toBe(4 * (3 + 2 + 1) + 5);
});
