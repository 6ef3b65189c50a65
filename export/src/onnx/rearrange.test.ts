import fc from 'fast-check';
import { expect, it } from 'vitest';
import { tf } from '../tf.ts';
import { rawBytes } from './proto.ts';
import { transposed } from './rearrange.ts';

await tf.setBackend('cpu');

const shapeAndOrder = fc
  .array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 })
  .chain((shape) =>
    fc.tuple(fc.constant(shape), fc.shuffledSubarray([...shape.keys()], { minLength: shape.length })),
  );

it('puts constants of any shape and width in another order as tfjs does', () => {
  fc.assert(
    fc.property(shapeAndOrder, fc.constantFrom('float32', 'int64', 'bool'), ([shape, perm], dtype) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const values = Array.from({ length: size }, (_, i) => (dtype === 'bool' ? ((i * 7) % 3) % 2 : i));
      const expected = tf.tidy(() => {
        const y = tf.transpose(tf.tensor(values, shape, 'int32'), perm);
        return { shape: y.shape, values: [...y.dataSync()] };
      });
      const result = transposed({ shape, raw: rawBytes(dtype as 'bool', values) }, perm);
      expect(result.shape).toEqual(expected.shape);
      expect([...result.raw]).toEqual([...rawBytes(dtype as 'bool', expected.values)]);
    }),
    { seed: 5, numRuns: 200 },
  );
});
