import type { KernelNode } from '../graph/ir.ts';
import type { KernelName } from '../kernels/names.ts';
import { fillLike } from './fill.ts';
import { flooredQuotient, flooredRemainder, truncatedQuotient } from './integer-division.ts';
import type { OnnxDType, OnnxEmitter, OnnxLowerings } from './lowering.ts';
import { doubleToInt32, floatToInt32 } from './to-int32.ts';

type Lower = (emit: OnnxEmitter, node: KernelNode, inputs: readonly string[]) => string[];

/** One ONNX operator that has kernels for the types tfjs would pass. */
function direct(type: string): Lower {
  return (emit, _, inputs) => [emit.op(type, inputs)];
}

/** Arithmetic on float32 or int32. ONNX does not calculate with bools: they are counted as int32, as in tfjs. */
function arithmetic(
  compute: (emit: OnnxEmitter, inputs: readonly string[], dtype: 'float32' | 'int32') => string,
): Lower {
  return (emit, node, inputs) => {
    const { dtype } = node.inputs[0]!;
    const numbers = inputs.map((x, i) => (node.inputs[i]!.dtype === 'bool' ? emit.cast(x, 'int32') : x));
    const computed = dtype === 'float32' ? 'float32' : 'int32';
    const result = compute(emit, numbers, computed);
    return [node.outputs[0]!.dtype === 'bool' ? emit.cast(result, 'bool') : result];
  };
}

function numberOp(type: string): Lower {
  return arithmetic((emit, inputs) => emit.op(type, inputs));
}

/** An operator that exists for floats only: other types go through float32 and are truncated back, as tfjs does. */
function floating(compute: (emit: OnnxEmitter, x: string) => string): Lower {
  return (emit, node, [x]) => {
    const [from, to] = [node.inputs[0]!.dtype, node.outputs[0]!.dtype];
    const result = compute(emit, from === 'float32' ? x! : emit.cast(x!, 'float32'));
    if (to === 'int32') return [floatToInt32(emit, result)];
    return [to === 'float32' ? result : emit.cast(result, to)];
  };
}

/** The inputs as float32. */
function asFloats(emit: OnnxEmitter, node: KernelNode, inputs: readonly string[]): string[] {
  return inputs.map((x, i) => (node.inputs[i]!.dtype === 'float32' ? x : emit.cast(x, 'float32')));
}

/** As `floating`, for what integers need no float32 for, which holds them up to 2^24 only. */
function floatingOr(integer: (emit: OnnxEmitter, x: string) => string, floatOnly: Lower): Lower {
  return (emit, node, [x]) =>
    node.inputs[0]!.dtype === 'int32' ? [integer(emit, x!)] : floatOnly(emit, node, [x!]);
}

const itself = (_: OnnxEmitter, x: string) => x;

function floatOp(type: string): Lower {
  return floating((emit, x) => emit.op(type, [x]));
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

/** The quotient's arc tangent moved to the quadrant of (x, y); the quotient of two infinities is that of their signs. */
function atan2(emit: OnnxEmitter, y: string, x: string): string {
  const infinite = (value: string) =>
    emit.op('Equal', [emit.op('Abs', [value]), emit.scalar('float32', Number.POSITIVE_INFINITY)]);
  const both = emit.op('And', [infinite(y), infinite(x)]);
  const quotient = emit.op('Div', [y, x]);
  const base = emit.op('Atan', [
    emit.op('Where', [both, emit.op('Mul', [sign(emit, y), sign(emit, x)]), quotient]),
  ]);
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

/** Remainder with the sign of the divisor. */
function floorMod(emit: OnnxEmitter, a: string, b: string): string {
  const remainder = emit.op('Mod', [a, b], { fmod: 1 });
  const negative = (x: string) => emit.op('Less', [x, zero(emit)]);
  const shifted = emit.op('Mod', [emit.op('Add', [remainder, b]), b], { fmod: 1 });
  return emit.op('Where', [emit.op('Xor', [negative(a), negative(b)]), shifted, remainder]);
}

/** The bound as the type can hold it: an open end of an int32 range is the largest or smallest int32. */
function bound(emit: OnnxEmitter, dtype: 'float32' | 'int32', value: number): string {
  return emit.scalar(dtype, dtype === 'float32' ? value : Math.min(Math.max(value, -(2 ** 31)), 2 ** 31 - 1));
}

/** Arithmetic and comparison, element by element with broadcasting. */
export const elementwiseLowerings = {
  Abs: numberOp('Abs'),
  Acos: floatOp('Acos'),
  Acosh: floatOp('Acosh'),
  Add: numberOp('Add'),
  // A chain, since ONNX's Sum of several inputs falls to the CPU on WebGPU.
  AddN: arithmetic((emit, [first, ...rest]) => rest.reduce((sum, x) => emit.op('Add', [sum, x]), first!)),
  Asin: floatOp('Asin'),
  Asinh: floatOp('Asinh'),
  Atan: floatOp('Atan'),
  Atan2: (emit, node, inputs) => {
    const { dtype } = node.outputs[0]!;
    const [y, x] = asFloats(emit, node, inputs) as [string, string];
    const angle = atan2(emit, y, x);
    // Towards 0 first: an angle of less than 1 is no bool.
    return [dtype === 'float32' ? angle : emit.cast(emit.cast(angle, 'int32'), dtype)];
  },
  Atanh: floatOp('Atanh'),
  Cast: (emit, node, [x]) => {
    const { dtype } = node.attrs;
    const truncates = node.inputs[0]!.dtype === 'float32' && dtype === 'int32';
    return [truncates ? floatToInt32(emit, x!) : emit.cast(x!, dtype)];
  },
  Ceil: floatingOr(itself, floatOp('Ceil')),
  ClipByValue: (emit, node, inputs) => {
    const { clipValueMin, clipValueMax } = node.attrs;
    const clip = arithmetic((_, [x], dtype) =>
      emit.op('Clip', [x!, bound(emit, dtype, clipValueMin), bound(emit, dtype, clipValueMax)]),
    );
    return clip(emit, node, inputs);
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
  Floor: floatingOr(itself, floatOp('Floor')),
  FloorDiv: arithmetic((emit, [a, b], dtype) =>
    dtype === 'int32'
      ? flooredQuotient(emit, a!, b!)
      : floatToInt32(emit, emit.op('Floor', [emit.op('Div', [a!, b!])])),
  ),
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
  LeakyRelu: (emit, node, inputs) => {
    const [x] = asFloats(emit, node, inputs) as [string];
    return [emit.op('LeakyRelu', [x], { alpha: { float: node.attrs.alpha } })];
  },
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  Log: floatOp('Log'),
  Log1p: floating(log1p),
  LogicalAnd: direct('And'),
  LogicalNot: direct('Not'),
  LogicalOr: direct('Or'),
  Maximum: numberOp('Max'),
  Minimum: numberOp('Min'),
  Mod: arithmetic((emit, [a, b], dtype) =>
    dtype === 'int32' ? flooredRemainder(emit, a!, b!) : floorMod(emit, a!, b!),
  ),
  Multiply: numberOp('Mul'),
  Neg: numberOp('Neg'),
  NotEqual: comparison('Equal', true),
  OnesLike: (emit, node) => [fillLike(emit, node.outputs[0]!, 1)],
  // onnxruntime's own of int32 converts a double that may lie outside the range, which is left to the processor.
  Pow: arithmetic((emit, inputs, dtype) =>
    dtype === 'int32'
      ? doubleToInt32(
          emit,
          emit.op(
            'Pow',
            inputs.map((x) => emit.cast(x, 'float64')),
          ),
        )
      : emit.op('Pow', inputs),
  ),
  Prelu: (emit, node, inputs) => {
    const [x, alpha] = asFloats(emit, node, inputs) as [string, string];
    const negative = emit.op('Less', [x, zero(emit)]);
    return [emit.op('Where', [negative, emit.op('Mul', [alpha, x]), x])];
  },
  RealDiv: arithmetic((emit, [a, b], dtype) =>
    dtype === 'int32' ? truncatedQuotient(emit, a!, b!) : emit.op('Div', [a!, b!]),
  ),
  Reciprocal: floatOp('Reciprocal'),
  Relu: floatingOr((emit, x) => emit.op('Max', [x, zero(emit, 'int32')]), floatOp('Relu')),
  Relu6: floatingOr(
    (emit, x) => emit.op('Clip', [x, zero(emit, 'int32'), emit.scalar('int32', 6)]),
    floating((emit, x) => emit.op('Clip', [x, zero(emit), emit.scalar('float32', 6)])),
  ),
  Round: floatingOr(itself, floatOp('Round')),
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
  Square: arithmetic((emit, [x]) => emit.op('Mul', [x!, x!])),
  SquaredDifference: arithmetic((emit, inputs) => {
    const difference = emit.op('Sub', inputs);
    return emit.op('Mul', [difference, difference]);
  }),
  // NaN gives `alpha` here and NaN in tfjs: telling it apart would double the time of the gradient of relu, where the
  // factor beside it is NaN already.
  Step: (emit, node, [x]) => {
    const { dtype } = node.inputs[0]!;
    const positive = emit.op('Greater', [x!, zero(emit, dtype)]);
    const { alpha } = node.attrs;
    const step = emit.cast(positive, dtype);
    if (alpha === 0) return [step];
    // A tenth of what Where takes.
    if (dtype === 'float32' && alpha > 0 && alpha <= 1)
      return [emit.op('Clip', [step, emit.scalar(dtype, alpha), emit.scalar(dtype, 1)])];
    return [emit.op('Where', [positive, emit.scalar(dtype, 1), emit.scalar(dtype, alpha)])];
  },
  Sub: numberOp('Sub'),
  Tan: floatOp('Tan'),
  Tanh: floatOp('Tanh'),
  ZerosLike: (emit, node) => [fillLike(emit, node.outputs[0]!, 0)],
} satisfies Partial<OnnxLowerings> & Partial<Record<KernelName, unknown>>;
