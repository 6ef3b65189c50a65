import { largestInt32Float, smallestInt32 } from '../kernels/int32.ts';
import type { KernelName } from '../kernels/names.ts';
import {
  type GraphModelEmitter,
  type GraphModelLowering,
  type GraphModelLowerings,
  refuse,
} from './lowering.ts';
import { attr } from './node-def.ts';

/** A kernel that is one op of the same inputs, without attributes. */
function direct(type: string): GraphModelLowering<KernelName> {
  return (emit, _, inputs) => [emit.op(type, inputs)];
}

/** `condition ? t : e`, broadcasting. */
export function select(emit: GraphModelEmitter, condition: string, t: string, e: string): string {
  return emit.op('SelectV2', [condition, t, e]);
}

/** float32 to int32 as everywhere else: a bare Cast of what lies outside the range depends on tfjs's backend. */
function floatToInt32(emit: GraphModelEmitter, x: string): string {
  const number = select(emit, emit.op('IsNan', [x]), emit.scalar('float32', 0), x);
  const bounds = [smallestInt32, largestInt32Float].map((value) => emit.scalar('float32', value));
  const types = { SrcT: attr.dtype('float32'), DstT: attr.dtype('int32') };
  return emit.op('Cast', [emit.op('ClipByValue', [number, ...bounds])], types);
}

/** One element at a time: unary and binary arithmetic, comparisons, logic, activations and their gradients. */
export const elementwiseLowerings = {
  Abs: direct('Abs'),
  Acos: direct('Acos'),
  Acosh: direct('Acosh'),
  Add: direct('AddV2'),
  AddN: (emit, _, inputs) => [emit.op('AddN', inputs, { N: attr.int(inputs.length) })],
  Asin: direct('Asin'),
  Asinh: direct('Asinh'),
  Atan: direct('Atan'),
  Atan2: direct('Atan2'),
  Atanh: direct('Atanh'),
  Cast: (emit, node, [x]) => {
    const [from, to] = [node.inputs[0]!.dtype, node.attrs.dtype];
    if (from === 'float32' && to === 'int32') return [floatToInt32(emit, x!)];
    return [emit.op('Cast', [x!], { SrcT: attr.dtype(from), DstT: attr.dtype(to) })];
  },
  Ceil: direct('Ceil'),
  ClipByValue: (emit, { attrs }, [x]) => [
    emit.op('ClipByValue', [
      x!,
      emit.scalar('float32', attrs.clipValueMin),
      emit.scalar('float32', attrs.clipValueMax),
    ]),
  ],
  Cos: direct('Cos'),
  Cosh: direct('Cosh'),
  Elu: direct('Elu'),
  // d elu / dx = 1 where y >= 0, else exp(x) = y + 1.
  EluGrad: (emit, _, [dy, y]) => {
    const slope = emit.op('AddV2', [y!, emit.scalar('float32', 1)]);
    const positive = emit.op('GreaterEqual', [y!, emit.scalar('float32', 0)]);
    return [select(emit, positive, dy!, emit.op('Mul', [dy!, slope]))];
  },
  Equal: direct('Equal'),
  Erf: direct('Erf'),
  Exp: direct('Exp'),
  Expm1: direct('Expm1'),
  Floor: direct('Floor'),
  FloorDiv: (emit, node, inputs) => {
    if (node.inputs[0]!.dtype !== 'float32') return [emit.op('FloorDiv', inputs)];
    return [floatToInt32(emit, emit.op('Floor', [emit.op('RealDiv', inputs)]))];
  },
  Greater: direct('Greater'),
  GreaterEqual: direct('GreaterEqual'),
  Identity: direct('Identity'),
  IsFinite: direct('IsFinite'),
  IsInf: direct('IsInf'),
  IsNan: direct('IsNan'),
  LeakyRelu: (emit, { attrs }, [x]) => [emit.op('LeakyRelu', [x!], { alpha: attr.float(attrs.alpha) })],
  Less: direct('Less'),
  LessEqual: direct('LessEqual'),
  Log: direct('Log'),
  Log1p: direct('Log1p'),
  LogicalAnd: direct('LogicalAnd'),
  LogicalNot: direct('LogicalNot'),
  LogicalOr: direct('LogicalOr'),
  Maximum: direct('Maximum'),
  Minimum: direct('Minimum'),
  Mod: direct('FloorMod'),
  Multiply: direct('Mul'),
  Neg: direct('Neg'),
  NotEqual: direct('NotEqual'),
  OnesLike: direct('OnesLike'),
  Pow: direct('Pow'),
  Prelu: direct('Prelu'),
  RealDiv: (emit, node, inputs) => {
    if (node.inputs.every(({ dtype }) => dtype === 'int32')) {
      refuse('GraphModel divides int32 tensors with floor; cast them to float32');
    }
    return [emit.op('RealDiv', inputs)];
  },
  Reciprocal: direct('Reciprocal'),
  Relu: direct('Relu'),
  Relu6: direct('Relu6'),
  Round: direct('Round'),
  Rsqrt: direct('Rsqrt'),
  Select: (emit, node, [condition, t, e]) => {
    const [choice, result] = node.inputs as [(typeof node.inputs)[0], (typeof node.inputs)[0]];
    const rank = result.shape.length;
    // A condition of rank 1 chooses whole rows, where the op would align it with the last axis.
    const rows = choice.shape.length === 1 && rank > 1;
    const aligned = rows
      ? emit.reshape(condition!, [choice.shape[0]!, ...Array<number>(rank - 1).fill(1)])
      : condition!;
    return [select(emit, aligned, t!, e!)];
  },
  Selu: direct('Selu'),
  Sigmoid: direct('Sigmoid'),
  Sign: direct('Sign'),
  Sin: direct('Sin'),
  Sinh: direct('Sinh'),
  Softplus: direct('Softplus'),
  Sqrt: direct('Sqrt'),
  Square: direct('Square'),
  SquaredDifference: direct('SquaredDifference'),
  // x > 0 ? 1 : alpha, and NaN stays NaN.
  Step: (emit, node, [x]) => {
    const { dtype } = node.outputs[0]!;
    const positive = emit.op('Greater', [x!, emit.scalar(dtype, 0)]);
    const step = select(emit, positive, emit.scalar(dtype, 1), emit.scalar(dtype, node.attrs.alpha ?? 0));
    return [dtype === 'float32' ? select(emit, emit.op('IsNan', [x!]), x!, step) : step];
  },
  Sub: direct('Sub'),
  Tan: direct('Tan'),
  Tanh: direct('Tanh'),
  ZerosLike: direct('ZerosLike'),
} satisfies Partial<GraphModelLowerings>;
