import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { FrameReader, writeFrame } from './frames.ts';

const shared = Float32Array.of(1, 2, 3);
const messages = [
  { kind: 'close' },
  { seeds: [1, 2n ** 64n - 1n], given: { x: { 0: Float32Array.of(1.5, -0, Number.NaN) } }, none: null },
  { empty: new Uint8Array(), ints: Int32Array.of(-5), shape: [], twice: [shared, shared] },
  { view: new Float32Array([0, 1, 2, 3]).subarray(1, 3) },
];

test.each([1, 3, 7, 65_536])('what was written is read, in pieces of %d bytes', (size) => {
  const stream = new PassThrough();
  for (const message of messages) writeFrame(stream, message);
  const bytes = stream.read() as Uint8Array;
  const read: unknown[] = [];
  const reader = new FrameReader((message) => read.push(message));
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
  expect(read).toEqual(messages);
  const { twice } = read[2] as { twice: [Float32Array, Float32Array] };
  expect(twice[0]).toBe(twice[1]);
  // Memory of its own: a view of a whole frame would keep all of it.
  expect((read[3] as { view: Float32Array }).view.buffer.byteLength).toBe(8);
});

test('what a frame cannot carry is refused, and not sent as something else', () => {
  expect(() => writeFrame(new PassThrough(), { wide: BigInt64Array.of(1n) })).toThrow('BigInt64Array');
  expect(() => writeFrame(new PassThrough(), { run: () => 1 })).toThrow('could not be cloned');
});
