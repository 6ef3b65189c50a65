import { type GraphModelLowerings, refuse } from './lowering.ts';
import { attr } from './node-def.ts';

/** tfjs reads string attributes in lower case, so capital letters in an equation get lower-case ones to stand in. */
export function lowerCaseEquation(equation: string): string {
  const plain = equation.replaceAll(/\s/g, '');
  const free = [...'abcdefghijklmnopqrstuvwxyz'].filter((letter) => !plain.includes(letter));
  const capitals = [...new Set(plain.match(/[A-Z]/g))];
  if (capitals.length > free.length) refuse(`an Einsum over more than 26 letters: ${equation}`);
  return plain.replaceAll(/[A-Z]/g, (letter) => free[capitals.indexOf(letter)]!);
}

/** Products of matrices. */
export const matmulLowerings = {
  BatchMatMul: (emit, { attrs }, inputs) => [
    emit.op('BatchMatMulV2', inputs, {
      adj_x: attr.bool(attrs.transposeA ?? false),
      adj_y: attr.bool(attrs.transposeB ?? false),
    }),
  ],
  Einsum: (emit, { attrs }, inputs) => [
    emit.op('Einsum', inputs, {
      equation: attr.string(lowerCaseEquation(attrs.equation)),
      N: attr.int(inputs.length),
    }),
  ],
} satisfies Partial<GraphModelLowerings>;
