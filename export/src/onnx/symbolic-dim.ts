import { type Dim, isSymbolic, type Shape } from '../graph/ir.ts';

/** Arithmetic on dimensions that may depend on the batch size: scale * batch + offset. */

const parts = (dim: Dim) => (isSymbolic(dim) ? dim : { scale: 0, offset: dim });
const simplest = (scale: number, offset: number): Dim => (scale === 0 ? offset : { scale, offset });

/** a + b */
export function plus(a: Dim, b: Dim): Dim {
  return simplest(parts(a).scale + parts(b).scale, parts(a).offset + parts(b).offset);
}

/** dim * factor; a factor of 1/n divides, where n is known to divide the dimension. */
export function times(dim: Dim, factor: number): Dim {
  return simplest(parts(dim).scale * factor, parts(dim).offset * factor);
}

/** True when the dimensions are equal at every batch size. */
export function sameDim(a: Dim, b: Dim): boolean {
  return parts(a).scale === parts(b).scale && parts(a).offset === parts(b).offset;
}

/** The numbers that these dimensions are at one batch size. */
export function atBatch(shape: Shape, batch: number): number[] {
  return shape.map((dim) => parts(dim).scale * batch + parts(dim).offset);
}

/** The dimension that is `a` at batch size `batchA` and `b` at `batchB`. */
export function through(batchA: number, a: number, batchB: number, b: number): Dim {
  const scale = (b - a) / (batchB - batchA);
  return simplest(scale, a - scale * batchA);
}
