import type { OnnxEmitter } from './lowering.ts';

/** Division of int32 tensors. tfjs gives 0 where the divisor is 0; onnxruntime would abort the run. */
function guarded(emit: OnnxEmitter, b: string, divide: (divisor: string) => string): string {
  const zero = emit.scalar('int32', 0);
  const none = emit.op('Equal', [b, zero]);
  const divisor = emit.op('Where', [none, emit.scalar('int32', 1), b]);
  return emit.op('Where', [none, zero, divide(divisor)]);
}

/** a / b, rounded towards 0. */
export function truncatedQuotient(emit: OnnxEmitter, a: string, b: string): string {
  return guarded(emit, b, (divisor) => emit.op('Div', [a, divisor]));
}

/** floor(a / b), by quotient and remainder: exact beyond 2^24, where float32 would not be. */
export function flooredQuotient(emit: OnnxEmitter, a: string, b: string): string {
  const zero = emit.scalar('int32', 0);
  const negative = (x: string) => emit.op('Less', [x, zero]);
  return guarded(emit, b, (divisor) => {
    const quotient = emit.op('Div', [a, divisor]);
    const remainder = emit.op('Sub', [a, emit.op('Mul', [quotient, divisor])]);
    const inexact = emit.op('Not', [emit.op('Equal', [remainder, zero])]);
    const opposed = emit.op('Xor', [negative(remainder), negative(divisor)]);
    return emit.op('Sub', [quotient, emit.cast(emit.op('And', [inexact, opposed]), 'int32')]);
  });
}

/** The remainder of `flooredQuotient`, which has the sign of the divisor. */
export function flooredRemainder(emit: OnnxEmitter, a: string, b: string): string {
  return guarded(emit, b, (divisor) => emit.op('Mod', [a, divisor]));
}
