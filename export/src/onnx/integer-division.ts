import type { OnnxEmitter } from './lowering.ts';

/**
 * Division of int32 tensors, total: 0 where the divisor is 0, as in tfjs, and -2147483648 / -1 wraps round to
 * -2147483648. onnxruntime hands both to the processor, whose trap ends the process; so `divide` gets 1 for either
 * divisor, and -1 is a change of sign.
 */
function quotient(emit: OnnxEmitter, a: string, b: string, divide: (divisor: string) => string): string {
  const divided = divide(safeDivisor(emit, b));
  const negated = emit.op('Where', [equal(emit, b, -1), emit.op('Neg', [a]), divided]);
  return emit.op('Where', [equal(emit, b, 0), emit.scalar('int32', 0), negated]);
}

const equal = (emit: OnnxEmitter, b: string, value: number) =>
  emit.op('Equal', [b, emit.scalar('int32', value)]);

/** The divisor, with 1 in the places of 0 and -1. */
function safeDivisor(emit: OnnxEmitter, b: string): string {
  const trapping = emit.op('Or', [equal(emit, b, 0), equal(emit, b, -1)]);
  return emit.op('Where', [trapping, emit.scalar('int32', 1), b]);
}

/** a / b, rounded towards 0. */
export function truncatedQuotient(emit: OnnxEmitter, a: string, b: string): string {
  return quotient(emit, a, b, (divisor) => emit.op('Div', [a, divisor]));
}

/** floor(a / b), by quotient and remainder: exact beyond 2^24, where float32 would not be. */
export function flooredQuotient(emit: OnnxEmitter, a: string, b: string): string {
  const zero = emit.scalar('int32', 0);
  const negative = (x: string) => emit.op('Less', [x, zero]);
  return quotient(emit, a, b, (divisor) => {
    const truncated = emit.op('Div', [a, divisor]);
    const remainder = emit.op('Sub', [a, emit.op('Mul', [truncated, divisor])]);
    const inexact = emit.op('Not', [emit.op('Equal', [remainder, zero])]);
    const opposed = emit.op('Xor', [negative(remainder), negative(divisor)]);
    return emit.op('Sub', [truncated, emit.cast(emit.op('And', [inexact, opposed]), 'int32')]);
  });
}

/** The remainder of `flooredQuotient`, which has the sign of the divisor; 0 for the divisors 0 and -1. */
export function flooredRemainder(emit: OnnxEmitter, a: string, b: string): string {
  // What is divided by 1 leaves 0. Not ONNX's Mod of a and b: it traps where the quotient does.
  return emit.op('Mod', [a, safeDivisor(emit, b)]);
}
