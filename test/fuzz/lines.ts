import type { Draw, Line } from './draw.ts';
import { binary, choice, unary } from './elementwise-lines.ts';
import { product, spatial } from './linear-lines.ts';
import { alongAxis, movement, reduction } from './structure-lines.ts';

/** Drawn as often as they stand here. */
const kinds = [
  unary,
  binary,
  movement,
  reduction,
  binary,
  alongAxis,
  movement,
  spatial,
  product,
  choice,
  movement,
] as const;

/** A line on one of the tensors known, or null where what was drawn fits none. */
export function drawLine(draw: Draw): Line | null {
  const kind = draw.oneOf(kinds);
  const x = draw.tensor(() => true);
  return x === null ? null : kind(draw, x);
}
