import type { tf } from '../../tfjs.mjs';
import { sizeOf } from './broadcast.ts';
import type { Call, Corrected } from './call.ts';

/**
 * The block of row-major values that begins at `begin` and has the shape `size`, row by row.
 * @param shape of the values; the block lies inside it
 */
export function sliceValues(
  values: ArrayLike<number>,
  shape: readonly number[],
  begin: readonly number[],
  size: readonly number[],
): Float64Array {
  const out = new Float64Array(sizeOf(size));
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const last = size.length - 1;
  const row = size[last]!;
  const at = size.map(() => 0);
  let from = begin.reduce((sum, start, axis) => sum + start * strides[axis]!, 0);
  for (let to = 0; to < out.length; to += row) {
    for (let i = 0; i < row; i++) out[to + i] = values[from + i]!;
    for (let axis = last - 1; axis >= 0; axis--) {
      at[axis]! += 1;
      from += strides[axis]!;
      if (at[axis]! < size[axis]!) break;
      from -= size[axis]! * strides[axis]!;
      at[axis] = 0;
    }
  }
  return out;
}

/**
 * tfjs's own slice is right, but goes through lists of indices for each element of a block that is not one piece of
 * memory, such as a column; eager runs of autoregressive models and couplings take many of them.
 */
export function quickSlice({ slice_util: parts }: typeof tf): Readonly<Record<string, Corrected>> {
  return {
    Slice: ({ inputs, attrs, read, write, own }: Call<tf.SliceAttrs>) => {
      const { x } = inputs as { x: tf.TensorInfo };
      if (x.dtype === 'string' || x.dtype === 'complex64') return own();
      const [begin, size] = parts.parseSliceParams(x as tf.Tensor, attrs.begin, attrs.size) as [
        number[],
        number[],
      ];
      if (sizeOf(size) === 0 || parts.isSliceContinous(x.shape, begin, size)) return own();
      parts.assertParamsValid(x as tf.Tensor, begin, size);
      return write(sliceValues(read(x), x.shape, begin, size), size, x.dtype);
    },
  };
}
