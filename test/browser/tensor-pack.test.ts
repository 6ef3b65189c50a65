import { hostTensor } from '@generatrix/runtime/core';
import { expect, test } from 'vitest';
import { pack, unpack } from './tensor-pack.ts';

test('text, program and tensors of every type come back bit for bit', () => {
  const strange = new Float32Array([0.1, -0, Number.NaN, Number.NEGATIVE_INFINITY, 1e-45]);
  const packet = {
    text: 'vae/sample \u00fc',
    program: Uint8Array.of(1, 2, 3),
    weights: { w: Uint8Array.of(4, 5, 6, 7, 8), v: new Uint8Array() },
    tensors: {
      a: hostTensor('bool', [3], [1, 0, 1]),
      b: hostTensor('float32', [5, 1], strange),
      c: hostTensor('int32', [], [-7]),
      d: hostTensor('float32', [0, 4], []),
    },
  };
  const copy = unpack(pack(packet));
  expect(copy.text).toBe(packet.text);
  expect(copy.program).toEqual(packet.program);
  expect(copy.weights).toEqual(packet.weights);
  expect(Object.keys(copy.tensors)).toEqual(['a', 'b', 'c', 'd']);
  for (const [name, tensor] of Object.entries(packet.tensors)) expect(copy.tensors[name]).toEqual(tensor);
  const bits = (data: ArrayLike<number>) => [...new Uint32Array(Float32Array.from(data).buffer)];
  expect(bits(copy.tensors.b!.data)).toEqual(bits(strange));
});

test('a Node Buffer, which may be a view into a pool, unpacks as well', () => {
  const packet = {
    text: 'x',
    program: Uint8Array.of(7),
    weights: {},
    tensors: { v: hostTensor('float32', [1], [3]) },
  };
  expect(unpack(Buffer.from(pack(packet)))).toEqual(packet);
});

test('a view into a larger buffer is packed as what it shows', () => {
  const view = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
  const { tensors } = unpack(
    pack({ text: '', program: new Uint8Array(), tensors: { v: hostTensor('float32', [2], view) } }),
  );
  expect([...tensors.v!.data]).toEqual([1, 2]);
});
