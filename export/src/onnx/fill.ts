import type { Value } from '../graph/ir.ts';
import type { OnnxEmitter } from './lowering.ts';

/** A tensor of the value's type and shape that holds one number throughout. */
export function fillLike(emit: OnnxEmitter, { dtype, shape }: Value, value: number): string {
  if (shape.length === 0) return emit.scalar(dtype, value);
  // Expand has no bool kernel on every provider.
  if (dtype === 'bool')
    return emit.cast(emit.op('Expand', [emit.scalar('int32', value), emit.dims(shape)]), 'bool');
  return emit.op('Expand', [emit.scalar(dtype, value), emit.dims(shape)]);
}
