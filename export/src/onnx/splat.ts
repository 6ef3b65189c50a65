import type { DType } from '@generatrix/runtime/core';
import { isSymbolic, type Shape } from '../graph/ir.ts';
import type { OnnxEmitter } from './lowering.ts';

/** Up to this many elements are written out rather than expanded from a scalar when the program runs. */
const writtenOut = 64;

/**
 * A tensor filled with one number, of any shape.
 * Expand has no bool kernel on every provider, so bool is expanded as int32.
 */
export function splat(emit: OnnxEmitter, dtype: DType, shape: Shape, value: number): string {
  if (shape.every((dim) => !isSymbolic(dim))) {
    const plain = shape as readonly number[];
    const size = plain.reduce((product, dim) => product * dim, 1);
    if (size <= writtenOut) return emit.constant(dtype, plain, new Array<number>(size).fill(value));
  }
  if (dtype === 'bool') return emit.cast(splat(emit, 'int32', shape, value ? 1 : 0), 'bool');
  return emit.op('Expand', [emit.scalar(dtype, value), emit.dims(shape)]);
}
