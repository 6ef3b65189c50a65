import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect, it } from 'vitest';
import { Pieces } from './pieces.ts';

it('nested messages are the bytes that protobuf-es writes, lengths of more than one byte included', () => {
  const inner = Uint8Array.from({ length: 300 }, (_, i) => i);
  const middle = new BinaryWriter().tag(9, WireType.LengthDelimited).bytes(inner);
  middle.tag(2, WireType.LengthDelimited).bytes(new Uint8Array());
  const outer = new BinaryWriter().raw(inner).tag(100, WireType.LengthDelimited).bytes(middle.finish());
  const pieces = new Pieces().add(inner).field(100, new Pieces().field(9, inner).field(2, new Uint8Array()));
  const expected = outer.finish();
  expect(pieces.length).toBe(expected.length);
  expect(pieces.join()).toEqual(expected);
});
