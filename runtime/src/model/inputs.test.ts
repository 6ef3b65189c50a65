import { describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { fillNoise } from '../noise/noise.ts';
import type { InputSpec } from '../program/program.ts';
import { hostTensor } from '../program/tensor.ts';
import { sliceSources } from './batches.ts';
import { fillInputs } from './inputs.ts';

const inputs: Record<string, InputSpec> = {
  z: { dtype: 'float32', shape: [5], role: 'noise', distribution: 'normal' },
  u: { dtype: 'float32', shape: [2, 2], role: 'noise', distribution: 'uniform' },
  label: { dtype: 'int32', shape: [], role: 'label', classes: 3 },
  temperature: { dtype: 'float32', shape: [], role: 'scalar', default: 0.5, min: 0, max: 1 },
  steps: { dtype: 'int32', shape: [], role: 'scalar', default: 4 },
};
const coder: Record<string, InputSpec> = {
  x: { dtype: 'float32', shape: [2], role: 'data' },
  code: { dtype: 'float32', shape: [3], role: 'latent' },
};
const carrying: Record<string, InputSpec> = {
  cache: { dtype: 'float32', shape: [2], role: 'carry', initial: -0.5 },
  row: { dtype: 'int32', shape: [], role: 'carry', initial: 3 },
};
const key = { seed: 7, firstIndex: 2, count: 4 };

describe('fillInputs', () => {
  test('fills every role; noise is that of the stream PROGRAM/INPUT', () => {
    const filled = fillInputs('sample', inputs, key);
    const z = fillNoise({ distribution: 'normal', stream: 'sample/z', shape: [5], ...key });
    const u = fillNoise({ distribution: 'uniform', stream: 'sample/u', shape: [2, 2], ...key });
    expect(filled).toEqual({
      z: hostTensor('float32', [4, 5], z),
      u: hostTensor('float32', [4, 2, 2], u),
      label: hostTensor('int32', [4], [2, 0, 1, 2]),
      temperature: hostTensor('float32', [], [0.5]),
      steps: hostTensor('int32', [], [4]),
    });
  });

  test('noise of the example is the same in every draw, that of the estimate is another in each', () => {
    const noise = { dtype: 'float32', shape: [3], role: 'noise', distribution: 'uniform' } as const;
    const owned: Record<string, InputSpec> = {
      binarisation: { ...noise, belongsTo: 'example' },
      eps: { ...noise, belongsTo: 'estimate' },
    };
    const draws = [0, 1, 2].map((draw) => fillInputs('logWeight', owned, { ...key, draw }));
    for (const [draw, { binarisation, eps }] of draws.entries()) {
      expect(binarisation).toEqual(draws[0]!.binarisation);
      const stream = 'logWeight/eps';
      expect(eps!.data).toEqual(fillNoise({ distribution: 'uniform', stream, shape: [3], draw, ...key }));
    }
    const next = fillInputs('logWeight', owned, { ...key, firstIndex: 3 });
    expect(next.binarisation!.data.subarray(0, 9)).toEqual(draws[0]!.binarisation!.data.subarray(3));
  });

  test('noise that the program does not look at is zeros, unless it is given', () => {
    const scalar = { dtype: 'float32', shape: [], role: 'scalar', default: 1 } as const;
    const skipping: Record<string, InputSpec> = {
      u: { dtype: 'float32', shape: [3], role: 'noise', distribution: 'uniform', unless: 'mean' },
      mean: scalar,
    };
    const zeros = hostTensor('float32', [4, 3], new Float32Array(12));
    const drawn = fillNoise({ distribution: 'uniform', stream: 'sample/u', shape: [3], ...key });
    expect(fillInputs('sample', skipping, key).u).toEqual(zeros);
    expect(fillInputs('sample', skipping, { ...key, scalars: { mean: 0 } }).u!.data).toEqual(drawn);
    const byName = { mean: hostTensor('float32', [], [0]) };
    expect(fillInputs('sample', skipping, { ...key, tensors: byName }).u!.data).toEqual(drawn);
    const ones = hostTensor('float32', [4, 3], new Float32Array(12).fill(1));
    expect(fillInputs('sample', skipping, { ...key, tensors: { u: ones } }).u).toBe(ones);
  });

  test('what is given is used', () => {
    const data = hostTensor('float32', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
    const latent = hostTensor('float32', [4, 3], new Float32Array(12));
    expect(fillInputs('code', coder, { ...key, data, latent })).toEqual({ x: data, code: latent });
    const labels = Int32Array.of(2, 2, 0, 1);
    const { label, temperature } = fillInputs('sample', inputs, {
      ...key,
      labels,
      scalars: { temperature: 1 },
    });
    expect(label!.data).toEqual(labels);
    expect([...temperature!.data]).toEqual([1]);
  });

  test('tensors go before what the roles would give, for any input', () => {
    const tensors = {
      z: hostTensor('float32', [4, 5], new Float32Array(20).fill(3)),
      label: hostTensor('int32', [4], [2, 2, 1, 0]),
      temperature: hostTensor('float32', [], [0.25]),
    };
    const filled = fillInputs('sample', inputs, {
      ...key,
      tensors,
      labels: Int32Array.of(0, 0, 0, 0),
      scalars: { temperature: 1 },
    });
    expect(filled).toEqual({ ...fillInputs('sample', inputs, key), ...tensors });
  });

  test('a slice of the sources has its rows of the tensors, and scalars whole', () => {
    const tensors = {
      z: hostTensor(
        'float32',
        [4, 5],
        Float32Array.from({ length: 20 }, (_, i) => i),
      ),
      temperature: hostTensor('float32', [], [0.25]),
    };
    const { z, temperature, u } = fillInputs('sample', inputs, sliceSources({ ...key, tensors }, 1, 2));
    expect([...z!.data]).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    expect([...temperature!.data]).toEqual([0.25]);
    expect(u!.data).toEqual(fillInputs('sample', inputs, key).u!.data.slice(4, 12));
  });

  test('a draw, a program and an input each have noise of their own', () => {
    const noise = (program: string, input: string, draw: number) =>
      String(fillInputs(program, { [input]: inputs.z! }, { ...key, draw })[input]!.data);
    const all = [noise('a', 'z', 0), noise('a', 'z', 1), noise('b', 'z', 0), noise('a', 'y', 0)];
    expect(new Set(all).size).toBe(4);
    expect(noise('a', 'z', 0)).toBe(String(fillInputs('a', { z: inputs.z! }, key).z!.data));
  });

  test('a chunk takes its part of the noise of the program for whole examples', () => {
    const whole = fillInputs('sample', { z: { ...inputs.z!, shape: [11] } as InputSpec }, key).z!;
    const part = (index: number) =>
      fillInputs('advance', { z: inputs.z! }, { ...key, chunk: { index, of: 'sample' } }).z!;
    const [first, second] = [part(0).data, part(1).data];
    for (let i = 0; i < 4; i++) {
      expect([...first.subarray(i * 5, i * 5 + 5), ...second.subarray(i * 5, i * 5 + 5)]).toEqual([
        ...whole.data.subarray(i * 11, i * 11 + 10),
      ]);
    }
  });

  test('carries start at their initial value and are then what is given', () => {
    const filled = fillInputs('advance', carrying, key);
    expect(filled).toEqual({
      cache: hostTensor('float32', [4, 2], new Float32Array(8).fill(-0.5)),
      row: hostTensor('int32', [4], [3, 3, 3, 3]),
    });
    const cache = hostTensor(
      'float32',
      [4, 2],
      Float32Array.from({ length: 8 }, (_, i) => i),
    );
    expect(fillInputs('advance', carrying, { ...key, carries: { cache } })).toEqual({ ...filled, cache });
  });

  const data = hostTensor('float32', [4, 2], new Float32Array(8));
  test.each([
    [inputs, { labels: Int32Array.of(0, 1, 2, 3) }, /label 3 is out of range: the classes are 0 to 2/],
    [inputs, { labels: Int32Array.of(0, -1, 2, 2) }, /label -1/],
    [inputs, { labels: Int32Array.of(0) }, /needs 4 labels, .* got 1/],
    [inputs, { scalars: { temperature: 1.5 } }, /'temperature': expected a number from 0 to 1, got 1\.5/],
    [inputs, { scalars: { temperature: Number.NaN } }, /got NaN/],
    [inputs, { scalars: { steps: 1.5 } }, /'steps': expected a whole number, got 1\.5/],
    [inputs, { scalars: { temprature: 1 } }, /no scalar 'temprature' \(it has: temperature, steps\)/],
    [inputs, { seed: -1 }, /seed/],
    [coder, { data }, /input 'code': latent is missing/],
    [coder, { data, tensors: { other: data } }, /has no input 'other' \(it has: x, code\)/],
    [coder, { data, tensors: { code: data } }, /expected latent float32 \[4,3\], got float32 \[4,2\]/],
    [inputs, { tensors: { label: hostTensor('int32', [4], [0, 1, 2, 3]) } }, /label 3 is out of range/],
    [inputs, { tensors: { temperature: hostTensor('float32', [], [2]) } }, /from 0 to 1, got 2/],
    [inputs, { tensors: { temperature: data } }, /expected scalar float32 \[\], got float32 \[4,2\]/],
    [
      coder,
      { data: hostTensor('float32', [4, 3], new Float32Array(12)) },
      /expected data float32 \[4,2\], got float32 \[4,3\]/,
    ],
    [coder, { data: hostTensor('int32', [4, 2], new Int32Array(8)) }, /got int32/],
    [carrying, { carries: { cache: data, column: data } }, /no carry 'column' \(it has: cache, row\)/],
    [carrying, { carries: { row: data } }, /'row': expected carry int32 \[4\], got float32 \[4,2\]/],
    [
      coder,
      { data: { ...data, shape: [4, 2], data: new Float32Array(7) } as typeof data },
      /needs 8 values, got 7/,
    ],
  ])('case %#: refused with a line that says what is wrong', (specs, sources, message) => {
    const fill = () => fillInputs('program', specs, { ...key, ...sources });
    expect(fill).toThrow(UserError);
    expect(fill).toThrow(message);
  });
});
