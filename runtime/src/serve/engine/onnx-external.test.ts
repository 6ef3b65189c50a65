import { expect, test } from 'vitest';
import { UserError } from '../../errors.ts';
import { encodeTinyOnnx } from '../../ort/tiny-onnx.ts';
import { refuseExternalData } from './onnx-external.ts';

/** A length-delimited field of a protobuf message, or with a number a varint. */
function field(number: number, ...parts: (Uint8Array | string | number)[]): Uint8Array {
  const [first] = parts;
  if (typeof first === 'number') return Uint8Array.of(number * 8, first);
  const body = parts.flatMap((part) => [...Buffer.from(part as Uint8Array)]);
  // Two bytes each, so that messages of up to 16383 bytes and fields of up to 2047 have a place.
  const wide = (value: number) => [(value & 127) | 128, value >> 7];
  return Uint8Array.from([...wide(number * 8 + 2), ...wide(body.length), ...body]);
}

const location = field(13, field(1, 'location'), field(2, '../../../etc/passwd'));
const tensor = [field(8, 'W'), location, field(14, 1)] as const;
const attribute = (...parts: Uint8Array[]) => field(1, field(5, ...parts));

const hidden: Record<string, Uint8Array> = {
  'a weight': field(7, field(5, ...tensor)),
  'a weight that says only where it is': field(7, field(5, location)),
  'a weight that says only that it is elsewhere': field(7, field(5, field(14, 1))),
  'a sparse weight': field(7, field(15, field(1, ...tensor))),
  'a Constant node': field(7, attribute(field(5, ...tensor))),
  'a list of tensors': field(7, attribute(field(10, ...tensor))),
  'a sparse Constant node': field(7, attribute(field(22, field(2, ...tensor)))),
  'the body of a loop': field(7, attribute(field(6, field(5, ...tensor)))),
  'one of several bodies': field(7, attribute(field(11, field(5, ...tensor)))),
  'a function': field(25, field(7, field(5, field(5, ...tensor)))),
  'a training graph': field(20, field(2, field(5, ...tensor))),
  'a second graph field': new Uint8Array([...field(7), ...field(7, field(5, ...tensor))]),
};

test.each(Object.keys(hidden))('weights in another file are found in %s', (where) => {
  expect(() => refuseExternalData('p.onnx', hidden[where]!)).toThrow(
    /^p\.onnx keeps weights in another file/,
  );
});

const program = encodeTinyOnnx({
  nodes: [['Add', ['x', 'W'], ['y'], { axis: 1 }]],
  constants: { W: ['float32', [300], new Array<number>(300).fill(1)] },
  inputs: { x: ['float32', ['batch', 300]] },
  outputs: { y: ['float32', ['batch', 300]] },
});

test('weights inside are accepted, with and without saying so', () => {
  expect(() => refuseExternalData('p', program)).not.toThrow();
  expect(() => refuseExternalData('p', field(7, field(5, field(14, 0))))).not.toThrow();
});

test('what is no ONNX program is refused, wherever it is cut', () => {
  const garbage = [new Uint8Array(), Uint8Array.of(0, 0), new TextEncoder().encode('<!doctype html>')];
  const deep = Array.from({ length: 200 }).reduce<Uint8Array>(
    (body, _, i) => (i === 199 ? field(7, body) : field(1, field(5, field(6, body)))),
    new Uint8Array(),
  );
  const ort = new Uint8Array([0, 0, 0, 0, ...new TextEncoder().encode('ORTM')]);
  for (const bytes of [...garbage, ort, deep]) {
    expect(() => refuseExternalData('p', bytes)).toThrow(UserError);
  }
  const notInside = program.findIndex((_, i) => i > 10);
  for (let end = notInside; end < program.length; end++) {
    expect(() => refuseExternalData('p', program.subarray(0, end)), `cut at ${end}`).toThrow(
      /no ONNX program/,
    );
  }
});
