import { randomStream } from '@generatrix/runtime/core';
import { columnMeans, type Rows } from '../rows.ts';

/** Turns of the iteration; directions need not be found to the last digit to be looked along. */
const turns = 30;

/** Orthogonal directions of unit length and the point that they go through. */
export interface Directions {
  readonly centre: Float64Array;
  readonly directions: readonly Float64Array[];
}

/**
 * The directions along which rows vary most, the first principal components, by orthogonal iteration (Golub and Van Loan
 * 2013, section 8.2.4). Each has its largest entry positive. Fewer come back where rows vary in fewer directions.
 */
export function principalDirections(rows: Rows, count: number): Directions {
  const { count: n, width, values } = rows;
  const centre = columnMeans(rows);
  const random = randomStream(0, 'principal-directions');
  let directions: Float64Array[] = Array.from({ length: Math.min(count, width) }, () =>
    Float64Array.from({ length: width }, () => random.nextNormal()),
  );
  for (let turn = 0; turn < turns; turn++) {
    directions = orthonormal(
      directions.map((direction) => {
        const next = new Float64Array(width);
        for (let i = 0; i < n; i++) {
          let along = 0;
          for (let k = 0; k < width; k++) along += (values[i * width + k]! - centre[k]!) * direction[k]!;
          for (let k = 0; k < width; k++) next[k]! += (along / n) * (values[i * width + k]! - centre[k]!);
        }
        return next;
      }),
    );
  }
  return { centre, directions: directions.map(upright) };
}

/** How far along a direction each row lies. */
export function projections(
  { count, width, values }: Rows,
  { centre, directions }: Directions,
  index: number,
) {
  const direction = directions[index]!;
  return Float64Array.from({ length: count }, (_, i) => {
    let along = 0;
    for (let k = 0; k < width; k++) along += (values[i * width + k]! - centre[k]!) * direction[k]!;
    return along;
  });
}

/** Gram and Schmidt; what is left of a direction that depends on those before it is dropped. */
function orthonormal(directions: readonly Float64Array[]): Float64Array[] {
  const kept: Float64Array[] = [];
  for (const direction of directions) {
    const before = length(direction);
    // Twice is enough for full precision (Giraud et al. 2005).
    for (let pass = 0; pass < 2; pass++) {
      for (const other of kept) {
        const along = direction.reduce((sum, value, k) => sum + value * other[k]!, 0);
        for (let k = 0; k < direction.length; k++) direction[k]! -= along * other[k]!;
      }
    }
    const after = length(direction);
    if (after > 1e-12 && after > 1e-9 * before) kept.push(direction.map((value) => value / after));
  }
  return kept;
}

function upright(direction: Float64Array): Float64Array {
  const largest = direction.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  return largest < 0 ? direction.map((value) => -value) : direction;
}

function length(direction: Float64Array): number {
  return Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
}
