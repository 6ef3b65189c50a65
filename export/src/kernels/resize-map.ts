/** Where the cells of one axis of a resized image come from, with the arithmetic of tfjs's forward kernels. */

/** How coordinates of the result become those of the source. */
export interface ResizeMode {
  readonly alignCorners: boolean;
  readonly halfPixelCenters?: boolean;
}

/** Cells of the source that each cell of the result blends. */
export interface Interpolation {
  readonly lower: readonly number[];
  readonly upper: readonly number[];
  /** Weight of `upper`; that of `lower` is the rest. */
  readonly fraction: readonly number[];
}

/** Where each cell of the result lies in the source, in cells. */
function positions(
  input: number,
  output: number,
  { alignCorners, halfPixelCenters = false }: ResizeMode,
): { readonly centred: readonly number[]; readonly plain: readonly number[] } {
  const scale = alignCorners && output > 1 ? (input - 1) / (output - 1) : input / output;
  const at = Array.from({ length: output }, (_, i) => scale * (halfPixelCenters ? i + 0.5 : i));
  return { plain: at, centred: halfPixelCenters ? at.map((x) => x - 0.5) : at };
}

/** Bilinear resizing along one axis, from `input` cells to `output`. */
export function interpolation(input: number, output: number, mode: ResizeMode): Interpolation {
  const source = positions(input, output, mode).centred;
  const lower = source.map((at) => Math.max(0, Math.floor(at)));
  const upper = source.map((at) => Math.max(0, Math.min(input - 1, Math.ceil(at))));
  return { lower, upper, fraction: source.map((at, i) => (lower[i] === upper[i] ? 0 : at - lower[i]!)) };
}

/** The nearest cell of the source for each cell of the result, along one axis. */
export function nearest(input: number, output: number, mode: ResizeMode): number[] {
  return positions(input, output, mode).plain.map((at) =>
    Math.max(0, Math.min(input - 1, mode.alignCorners ? Math.round(at) : Math.floor(at))),
  );
}

/** The linear map of a resize along one axis as a matrix [output, input], row after row. */
export function resizeMatrix(
  kind: 'bilinear' | 'nearest',
  input: number,
  output: number,
  mode: ResizeMode,
): Float32Array {
  const data = new Float32Array(output * input);
  if (kind === 'nearest') {
    for (const [i, source] of nearest(input, output, mode).entries()) data[i * input + source] = 1;
    return data;
  }
  const { lower, upper, fraction } = interpolation(input, output, mode);
  for (let i = 0; i < output; i++) {
    data[i * input + lower[i]!]! += 1 - fraction[i]!;
    data[i * input + upper[i]!]! += fraction[i]!;
  }
  return data;
}
