import type { tf } from '../../tfjs.mjs';

/**
 * The gradient of a mirrored margin: what flowed to the margin flows back, turned round, to the values that it mirrors.
 * @param dy of the padded shape
 * @param paddings of each axis, before and after
 */
export function mirrorPadGradient(
  tfjs: typeof tf,
  dy: tf.Tensor,
  paddings: readonly (readonly [number, number])[],
  mode: 'reflect' | 'symmetric',
): tf.Tensor {
  /** The edge itself is not repeated. */
  const gap = mode === 'reflect' ? 1 : 0;
  return paddings.reduce((sum, [before, after], axis) => {
    if (before === 0 && after === 0) return sum;
    const length = sum.shape[axis]! - before - after;
    const part = (from: number, size: number) => {
      const begin = sum.shape.map((_, i) => (i === axis ? from : 0));
      return tfjs.slice(
        sum,
        begin,
        sum.shape.map((whole, i) => (i === axis ? size : whole)),
      );
    };
    /** The margin turned round, `start` values from the front of the axis. */
    const mirrored = (margin: tf.Tensor, start: number) => {
      const rest = length - start - margin.shape[axis]!;
      const around = sum.shape.map((_, i): [number, number] => (i === axis ? [start, rest] : [0, 0]));
      return tfjs.pad(tfjs.reverse(margin, axis), around);
    };
    const parts = [part(before, length)];
    if (before > 0) parts.push(mirrored(part(0, before), gap));
    if (after > 0) parts.push(mirrored(part(before + length, after), length - after - gap));
    return tfjs.addN(parts);
  }, dy);
}
