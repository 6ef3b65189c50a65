import type { tf } from '../../tfjs.mjs';

type Volume = ReturnType<typeof tf.backend_util.computePool3DInfo>;

/**
 * The gradient of maximum pooling in three dimensions, NDHWC: of each window the first largest value in row-major
 * order receives the window's gradient, as in two dimensions.
 * @param dy of shape [batch, outDepth, outHeight, outWidth, channels], `x` of the pooled shape, both row-major
 * @returns the gradient of x, of its length
 */
export function maxPool3dGradientValues(
  dy: ArrayLike<number>,
  x: ArrayLike<number>,
  info: Volume,
): Float64Array {
  const { batchSize, inDepth, inHeight, inWidth, inChannels, outDepth, outHeight, outWidth, padInfo } = info;
  const dx = new Float64Array(x.length);
  /** The cells of one axis that a window covers. */
  const covered = (position: number, stride: number, before: number, filter: number, size: number) =>
    Array.from({ length: filter }, (_, k) => position * stride - before + k).filter(
      (cell) => cell >= 0 && cell < size,
    );
  let place = 0;
  for (let b = 0; b < batchSize; b++) {
    for (let d = 0; d < outDepth; d++) {
      const depths = covered(d, info.strideDepth, padInfo.front, info.filterDepth, inDepth);
      for (let r = 0; r < outHeight; r++) {
        const rows = covered(r, info.strideHeight, padInfo.top, info.filterHeight, inHeight);
        for (let c = 0; c < outWidth; c++) {
          const columns = covered(c, info.strideWidth, padInfo.left, info.filterWidth, inWidth);
          const cells = depths.flatMap((z) =>
            rows.flatMap((y) =>
              columns.map((column) => ((b * inDepth + z) * inHeight + y) * inWidth + column),
            ),
          );
          for (let channel = 0; channel < inChannels; channel++, place++) {
            let largest = -1;
            for (const cell of cells) {
              const at = cell * inChannels + channel;
              if (largest < 0 ? x[at]! > -Infinity : x[at]! > x[largest]!) largest = at;
            }
            if (largest >= 0) dx[largest]! += dy[place]!;
          }
        }
      }
    }
  }
  return dx;
}
