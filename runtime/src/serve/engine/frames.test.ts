import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { FrameReader, writeFrame } from './frames.ts';
import { MemoryPool } from './memory-pool.ts';
import { placeBytes, SharedMemory } from './shared-memory.ts';

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

const memory = SharedMemory.create();

describe.skipIf(memory === null)('with shared memory (Linux)', () => {
  const large = (fill: number) => new Float32Array(10_000).fill(fill);
  const send = (stream: PassThrough, message: unknown, place: number) => {
    const copied = writeFrame(stream, message, { memory: memory!, place });
    return { copied, bytes: (stream.read() as Uint8Array).slice() };
  };
  const receive = (...frames: Uint8Array[]) => {
    const read: unknown[] = [];
    const reader = new FrameReader((message) => read.push(message), { memory, pool: new MemoryPool(0) });
    for (const frame of frames) reader.push(frame);
    return read;
  };

  test('large arrays stay out of the stream, each message in its place', () => {
    const stream = new PassThrough();
    const messages = [
      { values: large(1), more: Int32Array.of(1, 2) },
      { values: large(2), none: null },
    ];
    const sent = messages.map((message, place) => send(stream, message, place));
    for (const { copied, bytes } of sent) {
      expect(copied).toBe(true);
      expect(bytes.length).toBeLessThan(500);
    }
    // What was sent is the receiver's own: the sender may write to its memory again.
    messages[0]!.values.fill(9);
    expect(receive(...sent.map(({ bytes }) => bytes))).toEqual([
      { values: large(1), more: Int32Array.of(1, 2) },
      messages[1],
    ]);
  });

  test('what a place does not hold goes through the stream, as it does where memory is used up', () => {
    const stream = new PassThrough({ highWaterMark: 2 * placeBytes });
    const message = { values: new Uint8Array(placeBytes + 1).fill(7) };
    const { copied, bytes } = send(stream, message, 0);
    expect(copied).toBe(false);
    expect(bytes.length).toBeGreaterThan(placeBytes);
    const [{ values }] = receive(bytes) as [typeof message];
    expect(Buffer.compare(values, message.values)).toBe(0);
    const closed = new SharedMemory(-1);
    expect(writeFrame(stream, { values: large(3) }, { memory: closed, place: 0 })).toBe(false);
    expect(receive(stream.read() as Uint8Array)).toEqual([{ values: large(3) }]);
  });
});
