import fc from 'fast-check';
import { beforeAll, test } from 'vitest';
import { tf } from '../tf.ts';
import { expectSameInOnnx } from './conformance.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const runs = { seed: 1, numRuns: 12 };
const dim = fc.integer({ min: 1, max: 4 });
const shape = fc.array(dim, { minLength: 1, maxLength: 4 });
const noise = (size: readonly number[], seed: number) =>
  tf.randomNormal([...size], 0, 1, 'float32', seed) as tf.Tensor;

/** A shape that broadcasts with another: some axes 1, some at the front left out. */
const pairs = shape.chain((full) =>
  fc
    .tuple(fc.array(fc.boolean(), { minLength: full.length, maxLength: full.length }), fc.nat(full.length))
    .map(([ones, cut]) => ({ full, part: full.map((size, i) => (ones[i] ? 1 : size)).slice(cut) })),
);

test('broadcast sums, and their gradients, have the shapes and values of tfjs', async () => {
  await fc.assert(
    fc.asyncProperty(pairs, fc.boolean(), async ({ full, part }, swapped) => {
      const [a, b] = swapped ? [noise(part, 1), noise(full, 2)] : [noise(full, 1), noise(part, 2)];
      await expectSameInOnnx(
        (t) => {
          const [da, db] = tf.grads((x: tf.Tensor, y: tf.Tensor) =>
            tf.sum(tf.square(tf.mul(x, tf.sub(y, 1)))),
          )([t.a!, t.b!]);
          return { sum: tf.add(t.a!, t.b!), da: da!, db: db! };
        },
        { a, b },
        { tolerance: 1e-5 },
      );
    }),
    runs,
  );
});

const reductions = shape.chain((full) =>
  fc.record({
    full: fc.constant(full),
    axes: fc.uniqueArray(fc.nat(full.length - 1), { minLength: 1 }),
    keep: fc.boolean(),
  }),
);

test('reductions along any axes, kept or not, with their gradients', async () => {
  await fc.assert(
    fc.asyncProperty(reductions, async ({ full, axes, keep }) => {
      await expectSameInOnnx(
        ({ x }) => ({
          sum: tf.sum(x!, axes, keep),
          largest: tf.max(x!, axes, keep),
          mean: tf.mean(x!, axes, keep),
          product: tf.prod(x!, axes, keep),
          gradient: tf.grad((y: tf.Tensor) => tf.sum(tf.square(tf.mean(y, axes, keep))))(x!),
        }),
        { x: noise(full, 3) },
        { tolerance: 1e-5 },
      );
    }),
    runs,
  );
});

const parts = shape.chain((full) =>
  fc
    .tuple(...full.map((size) => fc.tuple(fc.nat(size - 1), fc.nat(3), fc.nat(2), fc.nat(2))))
    .map((axes) => ({
      full,
      begin: axes.map(([begin]) => begin),
      size: axes.map(([begin, size], i) => Math.max(1, Math.min(size, full[i]! - begin))),
      around: axes.map(([, , before, after]): [number, number] => [before, after]),
    })),
);

test('parts, margins and transposes of any shape, there and back through the gradient', async () => {
  await fc.assert(
    fc.asyncProperty(parts, async ({ full, begin, size, around }) => {
      const order = [...full.keys()].reverse();
      const changed = (x: tf.Tensor) => tf.transpose(tf.pad(tf.slice(x, begin, size), around, 0.5), order);
      await expectSameInOnnx(
        ({ x }) => ({
          y: changed(x!),
          gradient: tf.grad((z: tf.Tensor) => tf.sum(tf.square(changed(z))))(x!),
        }),
        { x: noise(full, 4) },
        { tolerance: 1e-5 },
      );
    }),
    runs,
  );
});
