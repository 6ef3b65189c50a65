/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, dim) => size * dim, 1);
}

/** Steps in row-major values for one step along each axis of `to`, 0 where `from` is broadcast along it. */
function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const missing = to.length - from.length;
  let stride = 1;
  const strides = to.map(() => 0);
  for (let axis = to.length - 1; axis >= missing; axis--) {
    const size = from[axis - missing]!;
    if (size !== 1) strides[axis] = stride;
    stride *= size;
  }
  return strides;
}

/**
 * For each element of `shape`, row after row, an index into other values, which are reached with the given strides.
 * @param visit called with the place of the element and the index for each list of strides
 */
export function walk(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (place: number, ...indices: number[]) => void,
): void {
  const size = sizeOf(shape);
  const at = shape.map(() => 0);
  const indices = strides.map(() => 0);
  for (let place = 0; place < size; place++) {
    visit(place, ...indices);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at[axis]! += 1;
      const turned = at[axis] === shape[axis];
      for (const [i, own] of strides.entries()) {
        indices[i]! += turned ? -own[axis]! * (shape[axis]! - 1) : own[axis]!;
      }
      if (!turned) break;
      at[axis] = 0;
    }
  }
}

/** Values of shape `from` broadcast to the shape `to`, as NumPy does. */
export function broadcastValues(
  values: ArrayLike<number>,
  from: readonly number[],
  to: readonly number[],
): Float64Array {
  const out = new Float64Array(sizeOf(to));
  walk(to, [broadcastStrides(from, to)], (place, index) => {
    out[place] = values[index!]!;
  });
  return out;
}
