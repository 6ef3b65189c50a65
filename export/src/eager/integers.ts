import type { tf } from '../../tfjs.mjs';
import { toInt32 } from '../kernels/int32.ts';
import { broadcastValues } from './broadcast.ts';
import type { Call, Corrected } from './call.ts';

/** Kernels of tfjs's CPU backend whose integers depend on how JavaScript converts numbers, or are not exact. */
export const correctedIntegers: Readonly<Record<string, Corrected>> = {
  // Its own takes what lies outside the range modulo 2^32, where other runtimes stop at the ends.
  Cast: ({ inputs: { x }, attrs, read, write, own }: Call<tf.CastAttrs>) => {
    if (x!.dtype !== 'float32' || attrs.dtype !== 'int32') return own();
    const values = read(x!);
    for (let i = 0; i < values.length; i++) {
      if (toInt32(values[i]!) !== Math.trunc(values[i]!)) {
        return write(Array.from(values, toInt32), x!.shape, 'int32');
      }
    }
    return own();
  },

  // As Cast; and its own divides in float64, which no other runtime does.
  FloorDiv: ({ inputs, read, write, own }: Call<object>) => {
    const { a, b } = inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
    if (a.dtype !== 'float32') return own();
    const shape = own().shape;
    const [dividends, divisors] = [a, b].map((x) => broadcastValues(read(x), x.shape, shape));
    const quotients = Array.from(dividends!, (value, i) =>
      toInt32(Math.floor(Math.fround(value / divisors![i]!))),
    );
    return write(quotients, shape, 'int32');
  },

  // Its own passes through float32, which holds integers up to 2^24.
  Abs: ({ inputs: { x }, read, write, own }: Call<object>) =>
    x!.dtype === 'int32' ? write(Array.from(read(x!), Math.abs), x!.shape, 'int32') : own(),
};
