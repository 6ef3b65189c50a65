import { sizeOf } from '@generatrix/runtime/core';
import type { Initializer } from './proto.ts';

type Tensor = Pick<Initializer, 'shape' | 'raw'>;

/**
 * The tensor with its axes in another order, as ONNX's Transpose gives it: axis i of the result is axis `perm[i]`.
 * Works on the bytes, whatever the type.
 */
export function transposed({ shape, raw }: Tensor, perm: readonly number[]): Tensor {
  const size = sizeOf(shape);
  const result = perm.map((axis) => shape[axis]!);
  if (size === 0) return { shape: result, raw };
  const width = raw.byteLength / size;
  const [from, to] = [elements(raw, width), elements(new Uint8Array(raw.byteLength), width)];
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const steps = perm.map((axis) => strides[axis]!);
  const last = result.length - 1;
  const [rowLength, rowStep] = [result[last] ?? 1, steps[last] ?? 0];
  const index = result.map(() => 0);
  let start = 0;
  for (let row = 0; row < size; row += rowLength) {
    for (let i = 0, at = start; i < rowLength; i++, at += rowStep) to[row + i] = from[at]!;
    // The next row: counts up the index of all axes but the last.
    for (let axis = last - 1; axis >= 0; axis--) {
      index[axis]!++;
      start += steps[axis]!;
      if (index[axis]! < result[axis]!) break;
      start -= steps[axis]! * result[axis]!;
      index[axis] = 0;
    }
  }
  return { shape: result, raw: new Uint8Array(to.buffer, to.byteOffset, to.byteLength) };
}

/** Bytes as a list with one entry for each element; the width is 1, 4 or 8 bytes. */
function elements(raw: Uint8Array, width: number): Uint8Array | Uint32Array | BigUint64Array {
  if (width === 1) return raw;
  const aligned = raw.byteOffset % width === 0 ? raw : raw.slice();
  const { buffer, byteOffset, byteLength } = aligned;
  if (width === 4) return new Uint32Array(buffer, byteOffset, byteLength / 4);
  return new BigUint64Array(buffer, byteOffset, byteLength / 8);
}
