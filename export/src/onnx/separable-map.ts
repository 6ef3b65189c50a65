import type { Shape } from '../graph/ir.ts';
import type { OnnxEmitter } from './lowering.ts';

/** A constant matrix, row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

/** The matrix with rows and columns exchanged. */
export function transposed({ rows, columns, data }: Matrix): Matrix {
  const result = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[j * rows + i] = data[i * columns + j]!;
  }
  return { rows: columns, columns: rows, data: result };
}

/**
 * Emits y[n, i, j, c] = sum over (k, l) of vertical[i, k] horizontal[j, l] x[n, k, l, c]: a linear map of NHWC
 * images that treats rows and columns apart, as two matrix products and no transpose.
 *
 * @param shape of `x`: [batch, vertical.columns, horizontal.columns, channels]; the batch may be symbolic
 * @returns the name of y: [batch, vertical.rows, horizontal.rows, channels]
 */
export function applyRowsAndColumns(
  emit: OnnxEmitter,
  x: string,
  shape: readonly [Shape[number], number, number, number],
  vertical: Matrix,
  horizontal: Matrix,
): string {
  const [batch, height, width, channels] = shape;
  const lines = emit.reshape(x, [batch, height, width * channels]);
  const mapped = emit.op('MatMul', [matrix(emit, vertical), lines]);
  const images = emit.reshape(mapped, [batch, vertical.rows, width, channels]);
  return emit.op('MatMul', [matrix(emit, horizontal), images]);
}

function matrix(emit: OnnxEmitter, { rows, columns, data }: Matrix): string {
  return emit.constant('float32', [rows, columns], data);
}
