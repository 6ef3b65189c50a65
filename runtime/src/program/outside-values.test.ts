import { describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { encodeTinyOnnx } from '../ort/tiny-onnx.ts';
import { checkOutsideValues } from './outside-values.ts';

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
  expect(() => checkOutsideValues('p.onnx', hidden[where]!)).toThrow(
    /^p\.onnx keeps the weight '(W)?' in another file, '(\.\.\/\.\.\/\.\.\/etc\/passwd)?', where only none may/,
  );
});

const program = encodeTinyOnnx({
  nodes: [['Add', ['x', 'W'], ['y'], { axis: 1 }]],
  constants: { W: ['float32', [300], new Array<number>(300).fill(1)] },
  inputs: { x: ['float32', ['batch', 300]] },
  outputs: { y: ['float32', ['batch', 300]] },
});

test('weights inside are accepted, with and without saying so', () => {
  expect(() => checkOutsideValues('p', program)).not.toThrow();
  expect(() => checkOutsideValues('p', field(7, field(5, field(14, 0))))).not.toThrow();
});

test('what is no ONNX program is refused, wherever it is cut', () => {
  const garbage = [new Uint8Array(), Uint8Array.of(0, 0), new TextEncoder().encode('<!doctype html>')];
  const deep = Array.from({ length: 200 }).reduce<Uint8Array>(
    (body, _, i) => (i === 199 ? field(7, body) : field(1, field(5, field(6, body)))),
    new Uint8Array(),
  );
  const ort = new Uint8Array([0, 0, 0, 0, ...new TextEncoder().encode('ORTM')]);
  for (const bytes of [...garbage, ort, deep]) {
    expect(() => checkOutsideValues('p', bytes)).toThrow(UserError);
  }
  const notInside = program.findIndex((_, i) => i > 10);
  for (let end = notInside; end < program.length; end++) {
    expect(() => checkOutsideValues('p', program.subarray(0, end)), `cut at ${end}`).toThrow(
      /no ONNX program/,
    );
  }
});

describe('weights in a file that was given', () => {
  const files = { 'weights.safetensors': new Uint8Array(100), 'other.safetensors': new Uint8Array(200) };
  const place = (entries: Readonly<Record<string, string>>, ...more: Uint8Array[]) =>
    field(
      7,
      field(
        5,
        field(8, 'W'),
        ...Object.entries(entries).map(([key, value]) => field(13, field(1, key), field(2, value))),
        field(14, 1),
        ...more,
      ),
    );
  const check = (entries: Readonly<Record<string, string>>) => () =>
    checkOutsideValues('p.onnx', place(entries), files);
  const location = 'weights.safetensors';

  test('are accepted within it', () => {
    expect(check({ location })).not.toThrow();
    expect(check({ location, offset: '100', length: '0' })).not.toThrow();
    expect(check({ location, offset: '60', length: '40' })).not.toThrow();
  });

  test.each([
    [
      { location, offset: '61', length: '40' },
      /'W' at bytes 61 to 101 of weights\.safetensors, which has 100/,
    ],
    [{ location, offset: '101' }, /bytes 101 to NaN/],
    [{ location, offset: '-1', length: '4' }, /'W' at bytes NaN/],
    [{ location, length: '1e1' }, /NaN/],
    [
      { location: './weights.safetensors' },
      /'\.\/weights\.safetensors', where only weights\.safetensors and other/,
    ],
    [{ location: 'Weights.safetensors' }, /in another file/],
    [{ location: '/weights.safetensors' }, /in another file/],
    [{ location: 'toString' }, /in another file/],
    [{ offset: '0', length: '4' }, /in another file, ''/],
  ])('are refused elsewhere: %j', (entries, problem) => {
    expect(check(entries as Record<string, string>)).toThrow(problem);
    expect(check(entries as Record<string, string>)).toThrow(UserError);
  });

  test('a place that is given twice is none', () => {
    const twice = place({ location }, field(13, field(1, 'location'), field(2, '/etc/passwd')));
    expect(() => checkOutsideValues('p.onnx', twice, files)).toThrow(/is no ONNX program/);
  });
});
