import type { OnnxEmitter, OnnxLowerings } from './lowering.ts';
import { describe } from './window-geometry.ts';

/** Matrix products. */
export const matmulLowerings = {
  BatchMatMul: (emit, node, [a, b]) => {
    const { transposeA, transposeB } = node.attrs;
    const { dtype } = node.inputs[0]!;
    if (dtype === 'bool') {
      throw new Error(`${describe(node)}: expected float32 or int32 matrices, got bool; cast them first`);
    }
    const ranks = node.inputs.map(({ shape }) => shape.length) as [number, number];
    // Gemm transposes on the fly. Without a transpose MatMul is better: onnxruntime fuses it with a bias.
    if ((transposeA || transposeB) && ranks[0] === 2 && ranks[1] === 2 && dtype === 'float32') {
      return [emit.op('Gemm', [a!, b!], { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 })];
    }
    const left = transposeA ? matrixTranspose(emit, a!, ranks[0]) : a!;
    const right = transposeB ? matrixTranspose(emit, b!, ranks[1]) : b!;
    return [emit.op('MatMul', [left, right])];
  },

  Einsum: (emit, node, inputs) => [emit.op('Einsum', inputs, { equation: withLetters(node.attrs.equation) })],
} satisfies Pick<OnnxLowerings, 'BatchMatMul' | 'Einsum'>;

/** Exchanges the last two axes. */
function matrixTranspose(emit: OnnxEmitter, x: string, rank: number): string {
  const leading = Array.from({ length: rank - 2 }, (_, i) => i);
  return emit.transpose(x, [...leading, rank - 1, rank - 2]);
}

/** tfjs takes any character as an axis label, ONNX letters only: relabels in order of appearance. */
function withLetters(equation: string): string {
  const letters = new Map<string, string>();
  return equation.replace(/\s/g, '').replace(/->|,|./gu, (token) => {
    if (token === '->' || token === ',') return token;
    if (!letters.has(token)) letters.set(token, String.fromCharCode('a'.charCodeAt(0) + letters.size));
    return letters.get(token)!;
  });
}
