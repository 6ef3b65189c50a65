import { describe, expect, it } from 'vitest';
import { Pieces } from './pieces.ts';
import { encodeModel, encodeNode, encodeTensor, encodeValueInfo, rawBytes } from './proto.ts';
import { messages, readWire, texts } from './wire.ts';

// Field numbers below are those of onnx.proto as published with ONNX 1.12.

describe('encodeTensor', () => {
  it('writes dims, data type, name and little-endian bytes', () => {
    const values = [1.5, -2, Number.NaN, Infinity, 1e-40, -0];
    const tensor = readWire(
      encodeTensor({ name: 'w', dtype: 'float32', shape: [2, 3], raw: rawBytes('float32', values) }).join(),
    );
    expect(tensor.get(1)).toEqual([2, 3]);
    expect(tensor.get(2)).toEqual([1]);
    expect(texts(tensor, 8)).toEqual(['w']);
    const [raw] = tensor.get(9) as [Uint8Array];
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    expect(values.map((_, i) => view.getFloat32(4 * i, true))).toEqual(values.map(Math.fround));
    // No other field: data_location 14 and external_data 13 above all, which would point outside the file.
    expect([...tensor.keys()]).toEqual([1, 2, 8, 9]);
  });

  it.each([
    ['int32', 6, [-2, 2147483647], [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['int64', 7, [-2], [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['bool', 9, [0, 1, 3], [0, 1, 1]],
  ] as const)('writes %s', (dtype, code, values, bytes) => {
    const tensor = readWire(
      encodeTensor({ name: 'v', dtype, shape: [values.length], raw: rawBytes(dtype, values) }).join(),
    );
    expect(tensor.get(2)).toEqual([code]);
    expect([...(tensor.get(9)![0] as Uint8Array)]).toEqual(bytes);
  });

  it('takes only its own part of a larger buffer', () => {
    const part = new Float32Array([1, 2, 3]).subarray(1, 2);
    expect([...rawBytes('float32', part)]).toEqual([0, 0, 0, 0x40]);
  });
});

it('encodeNode writes every kind of attribute with its type, and keeps absent inputs', () => {
  const attrs = { axis: -1, to: 'x', axes: [0, -2], none: [], alpha: { float: 0.5 } };
  const node = readWire(encodeNode({ type: 'Op', name: 'n', inputs: ['a', '', 'c'], outputs: ['y'], attrs }));
  expect(texts(node, 1)).toEqual(['a', '', 'c']);
  expect(texts(node, 4)).toEqual(['Op']);
  const [axis, to, axes, none, alpha] = messages(node, 5) as [
    Map<number, (number | Uint8Array)[]>,
    ...Map<number, (number | Uint8Array)[]>[],
  ];
  expect([axis.get(3), axis.get(20)]).toEqual([[-1], [2]]);
  expect([texts(to!, 4), to!.get(20)]).toEqual([['x'], [3]]);
  expect([axes!.get(8), axes!.get(20)]).toEqual([[0, -2], [7]]);
  expect([none!.get(8), none!.get(20)]).toEqual([undefined, [7]]);
  expect([alpha!.get(2), alpha!.get(20)]).toEqual([[0.5], [1]]);
});

it('encodeValueInfo names symbolic dimensions', () => {
  const shape = [{ scale: 1, offset: 0 }, 28, { scale: 2, offset: 1 }];
  const [type] = messages(readWire(encodeValueInfo('x', 'int32', shape)), 2);
  const [tensor] = messages(type!, 1);
  expect(tensor!.get(1)).toEqual([6]);
  const dims = messages(messages(tensor!, 2)[0]!, 1);
  expect(dims.map((dim) => dim.get(1)?.[0] ?? texts(dim, 2)[0])).toEqual(['batch', 28, '2b+1']);
});

it('encodeModel states the versions, the producer and the metadata', () => {
  const model = readWire(
    encodeModel(new Pieces().add(new Uint8Array([18, 1, 103])), { seed: '42' }, '1.2.3').join(),
  );
  expect(model.get(1)).toEqual([8]);
  expect([texts(model, 2), texts(model, 3)]).toEqual([['generatrix'], ['1.2.3']]);
  const opsets = messages(model, 8);
  expect(opsets.map((opset) => [texts(opset, 1), opset.get(2)])).toEqual([[[''], [17]]]);
  expect(messages(model, 14).map((entry) => [texts(entry, 1), texts(entry, 2)])).toEqual([
    [['seed'], ['42']],
  ]);
});
