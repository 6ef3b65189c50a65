import { expect, test } from 'vitest';
import { MemoryPool } from './memory-pool.ts';

test('memory comes again, to one at a time, for exactly its size', () => {
  const pool = new MemoryPool(200_000);
  const first = pool.take(40_000);
  pool.give(first);
  pool.give(first);
  expect(pool.bytes).toBe(40_000);
  expect(pool.take(40_004).byteLength).toBe(40_004);
  expect(pool.take(40_000)).toBe(first);
  expect(pool.take(40_000)).not.toBe(first);
});

test('so much is kept, the latest', () => {
  const pool = new MemoryPool(100_000);
  const buffers = Array.from({ length: 3 }, () => pool.take(40_000));
  for (const buffer of buffers) pool.give(buffer);
  expect(pool.bytes).toBe(80_000);
  expect(pool.take(40_000)).toBe(buffers[2]);
  pool.give(new ArrayBuffer(100_001));
  expect(pool.bytes).toBe(40_000);
});

test('memory that another thread has taken is not kept', () => {
  const pool = new MemoryPool(100_000);
  const buffer = pool.take(40_000);
  structuredClone(buffer, { transfer: [buffer] });
  pool.give(buffer);
  expect(pool.bytes).toBe(0);
});
