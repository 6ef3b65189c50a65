import { distance, type Rows } from '../rows.ts';

/**
 * Codes on the great circle from one code to another (White 2016, section 2, "slerp"), lengths interpolated too:
 * [frames, width]. Opposite or equal directions fall back to the straight line.
 */
export function sphericalPath(from: Float32Array, to: Float32Array, frames: number): Float32Array {
  const length = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const [a, b] = [length(from), length(to)];
  const dot = from.reduce((sum, value, i) => sum + value * to[i]!, 0);
  const angle = a > 0 && b > 0 ? Math.acos(Math.min(1, Math.max(-1, dot / (a * b)))) : 0;
  const sine = Math.sin(angle);
  const codes = new Float32Array(frames * from.length);
  for (let frame = 0; frame < frames; frame++) {
    const t = frame / (frames - 1);
    const curved = sine > 1e-6;
    const [u, v] = curved ? [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine] : [1 - t, t];
    const scale = curved ? a + (b - a) * t : 1;
    const [unitA, unitB] = curved ? [a, b] : [1, 1];
    for (let i = 0; i < from.length; i++) {
      codes[frame * from.length + i] = scale * (u * (from[i]! / unitA) + v * (to[i]! / unitB));
    }
  }
  return codes;
}

/** Distances of consecutive frames, and of the first from the last. */
export interface PathSteps {
  readonly steps: readonly number[];
  readonly direct: number;
}

/** The steps of the path of `frames` rows from row `start`. */
export function pathSteps(decoded: Rows, start: number, frames: number): PathSteps {
  return {
    steps: Array.from({ length: frames - 1 }, (_, i) => distance(decoded, start + i, decoded, start + i + 1)),
    direct: distance(decoded, start, decoded, start + frames - 1),
  };
}

/**
 * `unevenness`: the largest step over the mean one, 1 for an even path, the number of steps for a single jump.
 * `detour`: the length of the path over the distance of its ends.
 */
export function smoothness({ steps, direct }: PathSteps): { unevenness: number; detour: number } {
  const length = steps.reduce((sum, step) => sum + step, 0);
  if (length === 0) return { unevenness: 1, detour: 1 };
  return {
    unevenness: Math.max(...steps) / (length / steps.length),
    detour: direct > 0 ? length / direct : Number.MAX_VALUE,
  };
}
