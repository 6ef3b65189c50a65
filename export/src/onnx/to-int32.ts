import { largestInt32Float, smallestInt32 } from '../kernels/int32.ts';
import type { OnnxEmitter } from './lowering.ts';

/**
 * float32 to int32, towards 0, with the values of `toInt32` in every runtime: a bare Cast of what lies outside the
 * range depends on the processor.
 */
export function floatToInt32(emit: OnnxEmitter, x: string): string {
  const number = emit.op('Where', [emit.op('Equal', [x, x]), x, emit.scalar('float32', 0)]);
  const bounds = [smallestInt32, largestInt32Float].map((value) => emit.scalar('float32', value));
  return emit.cast(emit.op('Clip', [number, ...bounds]), 'int32');
}

/**
 * An integer that a double holds exactly, to int32: modulo 2^32. What has a fraction is truncated; from 2^53 on, where
 * doubles skip integers, it is 0. Subtracts the multiple of 2^32 (casts from double to int64 to int32 are merged into
 * one by onnxruntime).
 */
export function doubleToInt32(emit: OnnxEmitter, x: string): string {
  const number = (value: number) => emit.scalar('float64', value);
  const exact = emit.op('Less', [emit.op('Abs', [x]), number(2 ** 53)]);
  const inside = emit.op('Where', [exact, x, number(0)]);
  const turns = emit.op('Floor', [emit.op('Add', [emit.op('Mul', [inside, number(2 ** -32)]), number(0.5)])]);
  return emit.cast(emit.op('Sub', [inside, emit.op('Mul', [turns, number(2 ** 32)])]), 'int32');
}
