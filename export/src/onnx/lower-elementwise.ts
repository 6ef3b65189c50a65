import type { DType } from '@generatrix/runtime/core';
import type { KernelNode } from '../graph/ir.ts';
import type { KernelName } from '../kernels/names.ts';
import { fillLike } from './fill.ts';
import type { OnnxDType, OnnxEmitter, OnnxLowerings } from './lowering.ts';

type Lower = (emit: OnnxEmitter, node: KernelNode, inputs: readonly string[]) => string[];

/** One ONNX operator that has kernels for the types tfjs would pass. */
function direct(type: string): Lower {
  return (emit, _, inputs) => [emit.op(type, inputs)];
}

/** An operator that exists for floats only: other types go through float32 and are truncated back, as tfjs does. */
function floating(compute: (emit: OnnxEmitter, x: string) => string): Lower {
  return (emit, node, [x]) => [viaFloat(emit, node.inputs[0]!.dtype, x!, (value) => compute(emit, value))];
}

function floatOp(type: string): Lower {
  return floating((emit, x) => emit.op(type, [x]));
}

function viaFloat(emit: OnnxEmitter, dtype: DType, x: string, compute: (x: string) => string): string {
  return dtype === 'float32' ? compute(x) : emit.cast(compute(emit.cast(x, 'float32')), dtype);
}

/** A test of floats; integers are cast first. */
function testOp(compute: (emit: OnnxEmitter, x: string) => string): Lower {
  return (emit, node, [x]) => [
    compute(emit, node.inputs[0]!.dtype === 'float32' ? x! : emit.cast(x!, 'float32')),
  ];
}

/** A comparison; onnxruntime orders numbers but not bools. */
function comparison(type: string, negate = false): Lower {
  return (emit, node, inputs) => {
    const operands = inputs.map((x, i) => (node.inputs[i]!.dtype === 'bool' ? emit.cast(x, 'int32') : x));
    const result = emit.op(type, operands);
    return [negate ? emit.op('Not', [result]) : result];
  };
}

/** Chooses element by element; bool values are chosen as int32, since `Where` lacks a bool kernel on the CPU. */
export function where(
  emit: OnnxEmitter,
  dtype: OnnxDType,
  condition: string,
  yes: string,
  no: string,
): string {
  if (dtype !== 'bool') return emit.op('Where', [condition, yes, no]);
  return emit.cast(emit.op('Where', [condition, emit.cast(yes, 'int32'), emit.cast(no, 'int32')]), 'bool');
}

const zero = (emit: OnnxEmitter, dtype: OnnxDType = 'float32') => emit.scalar(dtype, 0);
const one = (emit: OnnxEmitter) => emit.scalar('float32', 1);

/** exp(x) - 1 loses all digits near 0; there, 2t / (1 - t) with t = tanh(x/2) is the same and exact. */
function expm1(emit: OnnxEmitter, x: string): string {
  const t = emit.op('Tanh', [emit.op('Mul', [x, emit.scalar('float32', 0.5)])]);
  const near = emit.op('Div', [emit.op('Add', [t, t]), emit.op('Sub', [one(emit), t])]);
  const far = emit.op('Sub', [emit.op('Exp', [x]), one(emit)]);
  return emit.op('Where', [emit.op('Less', [emit.op('Abs', [x]), one(emit)]), near, far]);
}

/** log(1 + x) with the rounding of 1 + x undone: x log(u) / (u - 1), u = 1 + x (Higham 2002, section 1.14.1). */
function log1p(emit: OnnxEmitter, x: string): string {
  const u = emit.op('Add', [x, one(emit)]);
  const excess = emit.op('Sub', [u, one(emit)]);
  const corrected = emit.op('Mul', [emit.op('Log', [u]), emit.op('Div', [x, excess])]);
  const tiny = emit.op('Equal', [excess, zero(emit)]);
  const infinite = emit.op('Equal', [x, emit.scalar('float32', Number.POSITIVE_INFINITY)]);
  return emit.op('Where', [emit.op('Or', [tiny, infinite]), x, corrected]);
}

/** The quotient's arc tangent moved to the quadrant of (x, y). */
function atan2(emit: OnnxEmitter, y: string, x: string): string {
  const base = emit.op('Atan', [emit.op('Div', [y, x])]);
  const negative = (value: string) => emit.op('Less', [value, zero(emit)]);
  const number = (value: number) => emit.scalar('float32', value);
  const turn = emit.op('Where', [negative(y), number(-Math.PI), number(Math.PI)]);
  const turned = emit.op('Where', [negative(x), emit.op('Add', [base, turn]), base]);
  const upright = emit.op('Mul', [sign(emit, y), number(Math.PI / 2)]);
  return emit.op('Where', [emit.op('Equal', [x, zero(emit)]), upright, turned]);
}

/** -1, 0 or 1 without ONNX's `Sign`, which WebGPU lacks; NaN gives 0 as in tfjs. */
function sign(emit: OnnxEmitter, x: string): string {
  const above = emit.cast(emit.op('Greater', [x, zero(emit)]), 'float32');
  return emit.op('Sub', [above, emit.cast(emit.op('Less', [x, zero(emit)]), 'float32')]);
}

/** floor(a / b) as int32; for integers by division and remainder, which is exact beyond 2^24. */
function floorDiv(emit: OnnxEmitter, dtype: DType, a: string, b: string): string {
  if (dtype === 'float32') return emit.cast(emit.op('Floor', [emit.op('Div', [a, b])]), 'int32');
  const quotient = emit.op('Div', [a, b]);
  const remainder = emit.op('Sub', [a, emit.op('Mul', [quotient, b])]);
  const negative = (x: string) => emit.op('Less', [x, zero(emit, 'int32')]);
  const inexact = emit.op('Not', [emit.op('Equal', [remainder, zero(emit, 'int32')])]);
  const opposed = emit.op('Xor', [negative(remainder), negative(b)]);
  return emit.op('Sub', [quotient, emit.cast(emit.op('And', [inexact, opposed]), 'int32')]);
}

/** Remainder with the sign of the divisor. */
function floorMod(emit: OnnxEmitter, dtype: DType, a: string, b: string): string {
  if (dtype !== 'float32') return emit.op('Mod', [a, b]);
  const remainder = emit.op('Mod', [a, b], { fmod: 1 });
  const negative = (x: string) => emit.op('Less', [x, zero(emit)]);
  const shifted = emit.op('Mod', [emit.op('Add', [remainder, b]), b], { fmod: 1 });
  return emit.op('Where', [emit.op('Xor', [negative(a), negative(b)]), shifted, remainder]);
}

/** Arithmetic and comparison, element by element with broadcasting. */
export const elementwiseLowerings = {
  Abs: direct('Abs'),
  Acos: floatOp('Acos'),
  Acosh: floatOp('Acosh'),
  Add: direct('Add'),
  AddN: (emit, _, [first, ...rest]) => [rest.reduce((sum, x) => emit.op('Add', [sum, x]), first!)],
  Asin: floatOp('Asin'),
  Asinh: floatOp('Asinh'),
  Atan: floatOp('Atan'),
  Atan2: (emit, _, [y, x]) => [atan2(emit, y!, x!)],
  Atanh: floatOp('Atanh'),
  Cast: (emit, node, [x]) => [emit.cast(x!, node.attrs.dtype)],
  Ceil: floatOp('Ceil'),
  ClipByValue: (emit, node, [x]) => {
    const { clipValueMin, clipValueMax } = node.attrs;
    const { dtype } = node.inputs[0]!;
    return [emit.op('Clip', [x!, emit.scalar(dtype, clipValueMin), emit.scalar(dtype, clipValueMax)])];
  },
  Cos: floatOp('Cos'),
  Cosh: floatOp('Cosh'),
  Elu: floatOp('Elu'),
  EluGrad: (emit, _, [dy, y]) => {
    const slope = emit.op('Add', [y!, one(emit)]);
    const positive = emit.op('GreaterOrEqual', [y!, zero(emit)]);
    return [emit.op('Where', [positive, dy!, emit.op('Mul', [dy!, slope])])];
  },
  Equal: comparison('Equal'),
  Erf: floatOp('Erf'),
  Exp: floatOp('Exp'),
  Expm1: floating(expm1),
  Floor: floatOp('Floor'),
  FloorDiv: (emit, node, [a, b]) => [floorDiv(emit, node.inputs[0]!.dtype, a!, b!)],
  Greater: comparison('Greater'),
  GreaterEqual: comparison('GreaterOrEqual'),
  Identity: direct('Identity'),
  IsFinite: testOp((emit, x) =>
    emit.op('Less', [emit.op('Abs', [x]), emit.scalar('float32', Number.POSITIVE_INFINITY)]),
  ),
  IsInf: testOp((emit, x) =>
    emit.op('Equal', [emit.op('Abs', [x]), emit.scalar('float32', Number.POSITIVE_INFINITY)]),
  ),
  IsNan: testOp((emit, x) => emit.op('IsNaN', [x])),
  LeakyRelu: (emit, node, [x]) => [emit.op('LeakyRelu', [x!], { alpha: { float: node.attrs.alpha } })],
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  Log: floatOp('Log'),
  Log1p: floating(log1p),
  LogicalAnd: direct('And'),
  LogicalNot: direct('Not'),
  LogicalOr: direct('Or'),
  Maximum: direct('Max'),
  Minimum: direct('Min'),
  Mod: (emit, node, [a, b]) => [floorMod(emit, node.inputs[0]!.dtype, a!, b!)],
  Multiply: direct('Mul'),
  Neg: direct('Neg'),
  NotEqual: comparison('Equal', true),
  OnesLike: (emit, node) => [fillLike(emit, node.outputs[0]!, 1)],
  Pow: direct('Pow'),
  Prelu: (emit, _, [x, alpha]) => {
    const negative = emit.op('Less', [x!, zero(emit)]);
    return [emit.op('Where', [negative, emit.op('Mul', [alpha!, x!]), x!])];
  },
  RealDiv: direct('Div'),
  Reciprocal: floatOp('Reciprocal'),
  Relu: floatOp('Relu'),
  Relu6: floating((emit, x) => emit.op('Clip', [x, zero(emit), emit.scalar('float32', 6)])),
  Round: floatOp('Round'),
  Rsqrt: floating((emit, x) => emit.op('Reciprocal', [emit.op('Sqrt', [x])])),
  Select: (emit, node, [condition, yes, no]) => {
    const [test, chosen] = node.inputs as [(typeof node.inputs)[0], (typeof node.inputs)[0]];
    const [{ dtype }] = node.outputs as [(typeof node.outputs)[0]];
    const typed = (x: string, i: number) => (node.inputs[i]!.dtype === dtype ? x : emit.cast(x, dtype));
    // A vector condition on tensors of higher rank chooses rows.
    const rows = test.shape.length === 1 && chosen.shape.length > 1;
    const aligned = rows
      ? emit.reshape(condition!, [...test.shape, ...chosen.shape.slice(1).map(() => 1)])
      : condition!;
    return [where(emit, dtype, aligned, typed(yes!, 1), typed(no!, 2))];
  },
  Selu: floatOp('Selu'),
  Sigmoid: floatOp('Sigmoid'),
  Sign: floating(sign),
  Sin: floatOp('Sin'),
  Sinh: floatOp('Sinh'),
  Softplus: floatOp('Softplus'),
  Sqrt: floatOp('Sqrt'),
  Square: (emit, _, [x]) => [emit.op('Mul', [x!, x!])],
  SquaredDifference: (emit, _, [a, b]) => {
    const difference = emit.op('Sub', [a!, b!]);
    return [emit.op('Mul', [difference, difference])];
  },
  Step: (emit, node, [x]) => {
    const { dtype } = node.inputs[0]!;
    const positive = emit.op('Greater', [x!, zero(emit, dtype)]);
    const { alpha } = node.attrs;
    if (alpha === 0) return [emit.cast(positive, dtype)];
    return [emit.op('Where', [positive, emit.scalar(dtype, 1), emit.scalar(dtype, alpha)])];
  },
  Sub: direct('Sub'),
  Tan: floatOp('Tan'),
  Tanh: floatOp('Tanh'),
  ZerosLike: (emit, node) => [fillLike(emit, node.outputs[0]!, 0)],
} satisfies Partial<OnnxLowerings> & Partial<Record<KernelName, unknown>>;
