import { expect, test } from 'vitest';
import { BatchCollector } from '../../model/batches.ts';
import { fillInputs, type InputSources } from '../../model/inputs.ts';
import type { InputSpec } from '../../program/program.ts';
import { hostTensor } from '../../program/tensor.ts';
import { acceptRows } from './accept.ts';
import { fillBatch } from './fill-batch.ts';
import type { BatchRows, Values } from './messages.ts';

const inputs: Record<string, InputSpec> = {
  z: { dtype: 'float32', shape: [5], role: 'noise', distribution: 'normal' },
  u: { dtype: 'float32', shape: [2, 2], role: 'noise', distribution: 'uniform', belongsTo: 'example' },
  unused: { dtype: 'float32', shape: [3], role: 'noise', distribution: 'normal', unless: 'mean' },
  used: { dtype: 'float32', shape: [3], role: 'noise', distribution: 'normal', unless: 'other' },
  mean: { dtype: 'float32', shape: [], role: 'scalar', default: 1 },
  other: { dtype: 'float32', shape: [], role: 'scalar', default: 0 },
  x: { dtype: 'bool', shape: [2], role: 'data' },
  label: { dtype: 'int32', shape: [], role: 'label', classes: 3 },
  temperature: { dtype: 'float32', shape: [], role: 'scalar', default: 0.7, min: 0, max: 1 },
};
const bits = (count: number) =>
  hostTensor(
    'bool',
    [count, 2],
    Array.from({ length: 2 * count }, (_, i) => (i * count) % 2),
  );
const requests: InputSources[] = [
  { seed: 7, firstIndex: 2, count: 3, data: bits(3) },
  { seed: 2n ** 60n, firstIndex: 0, count: 1, draw: 4, data: bits(1), labels: Int32Array.of(2) },
  {
    seed: 7,
    firstIndex: 9,
    count: 2,
    data: bits(2),
    tensors: { z: hostTensor('float32', [2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) },
  },
];

function joined(paddedRows: number): BatchRows {
  const rows = requests.map((sources) => acceptRows('sample', inputs, sources));
  const given: Record<string, Record<number, Values>> = {};
  for (const [part, accepted] of rows.entries()) {
    for (const [name, { data }] of Object.entries(accepted.given)) {
      given[name] ??= {};
      given[name][part] = data;
    }
  }
  return {
    seeds: rows.map(({ seed }) => seed),
    firstIndices: rows.map(({ firstIndex }) => firstIndex),
    counts: rows.map(({ count }) => count),
    draws: rows.map(({ draw }) => draw),
    scalars: rows[0]!.scalars,
    given,
    paddedRows,
  };
}

test('every request gets what fillInputs gives it alone', () => {
  const { temperature, mean, other, ...filled } = fillBatch('sample', inputs, joined(6));
  const expected = new BatchCollector('expected', 6);
  let row = 0;
  for (const sources of requests) {
    const { temperature: t, mean: m, other: o, ...rest } = fillInputs('sample', inputs, sources);
    expect([temperature, mean, other]).toEqual([t, m, o]);
    expected.add(row, sources.count, rest);
    row += sources.count;
  }
  expect(filled).toEqual(expected.outputs);
});

test('memory of another run is filled as new memory is', () => {
  const others = joined(8);
  const before = fillBatch('sample', inputs, {
    ...others,
    seeds: [1, 2, 3],
    scalars: { ...others.scalars, mean: 0, other: 1 },
  });
  const { z } = before;
  const again = fillBatch('sample', inputs, others, before);
  expect(again).toEqual(fillBatch('sample', inputs, others));
  expect(again.z!.data).toBe(z!.data);
});

test('rows that fill up repeat the last', () => {
  const exact = fillBatch('sample', inputs, joined(6));
  const padded = fillBatch('sample', inputs, joined(8));
  for (const name of ['z', 'u', 'x', 'label']) {
    const { data, shape } = padded[name]!;
    const size = data.length / 8;
    expect(shape[0]).toBe(8);
    expect(data.subarray(0, 6 * size)).toEqual(exact[name]!.data);
    for (const row of [6, 7]) {
      expect(data.subarray(row * size, (row + 1) * size)).toEqual(data.subarray(5 * size, 6 * size));
    }
  }
});

test('scalars: defaults, numbers and tensors of one value lead to the same batch; 0 and -0 do not', () => {
  const key = (sources: Partial<InputSources>) => {
    const { scalarKey } = acceptRows('sample', inputs, { ...requests[0]!, ...sources });
    return scalarKey;
  };
  const tensor = hostTensor('float32', [], [0.7]);
  expect(key({ scalars: { temperature: 0.7 } })).toBe(key({}));
  expect(key({ tensors: { temperature: tensor } })).toBe(key({}));
  expect(key({ scalars: { temperature: 0.2 } })).not.toBe(key({}));
  expect(key({ scalars: { temperature: -0 } })).not.toBe(key({ scalars: { temperature: 0 } }));
});
