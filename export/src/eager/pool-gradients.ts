import type { tf } from '../../tfjs.mjs';
import type { Call, Corrected } from './call.ts';

type Four = readonly [number, number, number, number];

/** The cells along one axis that each window covers, from `first` up to `end`. */
function spans(input: number, output: number, size: number, stride: number, before: number) {
  return Array.from({ length: output }, (_, i) => ({
    first: Math.max(0, i * stride - before),
    end: Math.min(input, i * stride - before + size),
  }));
}

/**
 * The gradient of a pooling, NHWC: for each window and channel, `share` says which cells of the image get how much.
 * The number of windows is dy's, however the pooling rounded it.
 */
function poolGradient(
  computePool: typeof tf.backend_util.computePool2DInfo,
  share: (cells: readonly number[], dy: number, images: ArrayLike<number>, out: Float64Array) => void,
): Corrected {
  return ({ inputs, attrs, read, write }: Call<tf.AvgPoolGradAttrs>) => {
    const { dy, input } = inputs as { dy: tf.TensorInfo; input: tf.TensorInfo };
    const { filterSize, strides, pad } = attrs;
    const [batch, height, width, channels] = input.shape as unknown as Four;
    const [, tall, wide] = dy.shape as unknown as Four;
    const windows = computePool([batch, height, width, channels], filterSize, strides, 1, pad);
    const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = windows;
    const rows = spans(height, tall, filterHeight, strideHeight, padInfo.top);
    const columns = spans(width, wide, filterWidth, strideWidth, padInfo.left);
    const [given, images] = [read(dy), read(input)];
    const out = new Float64Array(batch * height * width * channels);
    let from = 0;
    for (let example = 0; example < batch; example++) {
      for (const row of rows) {
        for (const column of columns) {
          for (let channel = 0; channel < channels; channel++) {
            const cells: number[] = [];
            for (let r = row.first; r < row.end; r++) {
              for (let c = column.first; c < column.end; c++) {
                cells.push(((example * height + r) * width + c) * channels + channel);
              }
            }
            share(cells, given[from++]!, images, out);
          }
        }
      }
    }
    return write(out, input.shape, 'float32');
  };
}

/** Its own divides by the whole window where the mean was of the cells inside the volume. */
function averagePool3dGradient({ inputs, attrs, read, write, own, pooled }: Call<tf.AvgPool3DGradAttrs>) {
  const { dy, input } = inputs as { dy: tf.TensorInfo; input: tf.TensorInfo };
  const info = pooled(input.shape as [number, number, number, number, number], attrs);
  const { padInfo } = info;
  const along = (input: number, output: number, size: number, stride: number, before: number) =>
    spans(input, output, size, stride, before).map(({ first, end }) => size / (end - first));
  const [deep, tall, wide] = [
    along(info.inDepth, info.outDepth, info.filterDepth, info.strideDepth, padInfo.front),
    along(info.inHeight, info.outHeight, info.filterHeight, info.strideHeight, padInfo.top),
    along(info.inWidth, info.outWidth, info.filterWidth, info.strideWidth, padInfo.left),
  ];
  const factors = deep.flatMap((d) => tall.flatMap((t) => wide.map((w) => d * t * w)));
  const channels = dy.shape.at(-1)!;
  const given = read(dy);
  const scaled = Array.from(given, (value, i) => value * factors[Math.floor(i / channels) % factors.length]!);
  return own({ inputs: { ...inputs, dy: write(scaled, dy.shape, 'float32') } });
}

/** Kernels of tfjs's CPU backend that forget how the pooling's size was rounded. */
export function correctedPoolGradients(tfjs: typeof tf): Readonly<Record<string, Corrected>> {
  const { computePool2DInfo } = tfjs.backend_util;
  return {
    // Its own divides by the whole window where the mean was of the cells inside the image.
    AvgPoolGrad: poolGradient(computePool2DInfo, (cells, dy, _, out) => {
      for (const cell of cells) out[cell]! += dy / cells.length;
    }),
    AvgPool3DGrad: averagePool3dGradient,
    // To the first maximum; a window of NaN or -Infinity alone has none.
    MaxPoolGrad: poolGradient(computePool2DInfo, (cells, dy, images, out) => {
      let [largest, at] = [Number.NEGATIVE_INFINITY, -1];
      for (const cell of cells) if (images[cell]! > largest) [largest, at] = [images[cell]!, cell];
      if (at >= 0) out[at]! += dy;
    }),
  };
}
