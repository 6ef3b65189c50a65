import { describe, expect, test } from 'vitest';
import { tf } from '../tf.ts';
import { expectSameInOnnx } from './conformance.ts';

const noise = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);

// Sums of up to 8 products of standard normals.
const tolerance = 2e-6;

const shapes: [string, number[], number[]][] = [
  ['rank 2', [3, 5], [5, 4]],
  ['a row and a column', [1, 5], [5, 1]],
  ['an outer product', [3, 1], [1, 4]],
  ['rank 3', [2, 3, 5], [2, 5, 4]],
  ['rank 4', [2, 3, 4, 5], [2, 3, 5, 2]],
  ['rank 3 by rank 2', [2, 3, 5], [5, 4]],
  ['rank 2 by rank 3', [3, 5], [2, 5, 4]],
  ['batch 1 against batch 3', [1, 2, 5], [3, 5, 4]],
  ['rank 4 by rank 3', [2, 3, 4, 5], [3, 5, 2]],
];
const swapped = (shape: number[]) => [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];

describe.each(shapes)('BatchMatMul, %s', (_, a, b) => {
  test.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('transposeA %s, transposeB %s', async (transposeA, transposeB) => {
    await expectSameInOnnx(
      (t) => ({ y: tf.matMul(t.a!, t.b!, transposeA, transposeB) }),
      { a: noise(transposeA ? swapped(a) : a, 1), b: noise(transposeB ? swapped(b) : b, 2) },
      { tolerance },
    );
  });
});

test.each([false, true])('int32 matrices, transposed %s', async (transpose) => {
  const a = tf.tensor2d(
    [
      [1, -2, 3],
      [2147483647, 5, -6],
      [7, 8, 9],
    ],
    [3, 3],
    'int32',
  );
  const b = tf.tensor2d(
    [
      [3, 0, -1],
      [2, 4, 1],
      [1, -7, 2],
    ],
    [3, 3],
    'int32',
  );
  await expectSameInOnnx(
    (t) => ({ y: tf.matMul(t.a!, t.b!, transpose, transpose) }),
    { a, b },
    { tolerance: 0 },
  );
});

test('bool matrices are refused with the cure', async () => {
  const a = tf.tensor2d([[true, false]], [1, 2], 'bool');
  const b = tf.tensor2d([[true], [true]], [2, 1], 'bool');
  await expect(expectSameInOnnx((t) => ({ y: tf.matMul(t.a!, t.b!) }), { a, b })).rejects.toThrow(
    /cast them first/,
  );
});

test.each([
  ['ij,jk->ik', [3, 5], [5, 4]],
  ['bij,bkj->bik', [2, 3, 5], [2, 4, 5]],
  ['bi,bi->b', [4, 3], [4, 3]],
  ['i,j->ij', [3], [4]],
  ['i,i->', [5], [5]],
  ['abcd, cd -> ba', [2, 3, 4, 2], [4, 2]],
  ['Aγ,γZ->ZA', [3, 5], [5, 4]],
])('Einsum %s', async (equation, a, b) => {
  await expectSameInOnnx(
    (t) => ({ y: tf.einsum(equation, t.a!, t.b!) }),
    { a: noise(a, 1), b: noise(b, 2) },
    { tolerance },
  );
});

test.each([
  ['ij->ji', [3, 5]],
  ['ijk->j', [3, 4, 2]],
  ['ij->', [3, 4]],
])('Einsum %s', async (equation, a) => {
  await expectSameInOnnx((t) => ({ y: tf.einsum(equation, t.a!) }), { a: noise(a, 1) }, { tolerance });
});
