import { type Dim, isSymbolic, type Shape } from '../graph/ir.ts';

/** Arithmetic on dimensions that may depend on the batch size: scale * batch + offset. */

const parts = (dim: Dim) => (isSymbolic(dim) ? dim : { scale: 0, offset: dim });
const simplest = (scale: number, offset: number): Dim => (scale === 0 ? offset : { scale, offset });

/** a + b */
export function plus(a: Dim, b: Dim): Dim {
  return simplest(parts(a).scale + parts(b).scale, parts(a).offset + parts(b).offset);
}

/** True when the dimensions are equal at every batch size. */
export function sameDim(a: Dim, b: Dim): boolean {
  return parts(a).scale === parts(b).scale && parts(a).offset === parts(b).offset;
}

/** The numbers that these dimensions are at one batch size. */
export function atBatch(dims: Shape, batch: number): number[] {
  return dims.map((dim) => parts(dim).scale * batch + parts(dim).offset);
}

/** The dimension that is `a` at batch size `batchA` and `b` at `batchB`. */
export function dimThrough(batchA: number, a: number, batchB: number, b: number): Dim {
  const scale = (b - a) / (batchB - batchA);
  return simplest(scale, a - scale * batchA);
}
