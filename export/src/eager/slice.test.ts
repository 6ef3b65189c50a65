import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { tf } from '../tf.ts';
import { sliceValues } from './slice.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Nested lists of the values, sliced by JavaScript's own `slice`, axis by axis. */
function nestedSlice(x: unknown, begin: readonly number[], size: readonly number[]): unknown {
  if (begin.length === 0) return x;
  const [[start, ...starts], [length, ...lengths]] = [begin, size] as [[number], [number]];
  return (x as unknown[]).slice(start, start + length).map((part) => nestedSlice(part, starts, lengths));
}

/** A shape of up to four axes, and a block inside it. */
const blocks = fc
  .array(
    fc.integer({ min: 1, max: 5 }).chain((dim) =>
      fc.integer({ min: 0, max: dim - 1 }).chain((start) =>
        fc.record({
          dim: fc.constant(dim),
          start: fc.constant(start),
          length: fc.integer({ min: 0, max: dim - start }),
        }),
      ),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((axes) => ({
    shape: axes.map(({ dim }) => dim),
    begin: axes.map(({ start }) => start),
    size: axes.map(({ length }) => length),
  }));

describe('slices', () => {
  it.each(['float32', 'int32', 'bool'] as const)('are those of nested lists: %s', (dtype) => {
    fc.assert(
      fc.property(blocks, ({ shape, begin, size }) => {
        const count = shape.reduce((product, dim) => product * dim, 1);
        const values = Array.from({ length: count }, (_, i) =>
          dtype === 'bool' ? Number(i % 3 === 0) : i + 1,
        );
        tf.tidy(() => {
          const x = tf.tensor(values, shape, dtype);
          const y = tf.slice(x, begin, size);
          expect([y.shape, y.dtype]).toEqual([size, dtype]);
          expect([...y.dataSync()]).toEqual((nestedSlice(x.arraySync(), begin, size) as unknown[]).flat(4));
        });
      }),
      { numRuns: 60 },
    );
  });

  it('take -1 for the rest of an axis, and refuse what lies outside', () => {
    const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
    expect(tf.slice(x, [0, 1], [-1, -1]).arraySync()).toEqual([
      [2, 3],
      [5, 6],
    ]);
    expect(() => tf.slice(x, [0, 2], [2, 2])).toThrow('begin[1] + size[1] (4) would overflow');
  });

  it('do not change what they are taken from', () => {
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const column = tf.slice(x, [0, 1], [2, 1]);
    x.dispose();
    expect([...column.dataSync()]).toEqual([2, 4]);
    expect([...sliceValues([1, 2, 3, 4], [2, 2], [0, 0], [2, 1])]).toEqual([1, 3]);
  });
});
