import { tf } from '../tf.ts';
import { composite } from './composite.ts';

type Shape4 = [number, number, number, number];
const shape4 = (x: tf.Tensor | undefined) => x!.shape as Shape4;

/** What cuts, turns and pools images, NHWC. */
export const imageComposites: Record<string, tf.KernelFunc> = {
  FlipLeftRight: composite(({ image }) => tf.reverse(image!, 2)),

  // The angle and the centre are known when traced, so where each pixel comes from is a constant.
  RotateWithOffset: composite(({ image }, attrs: tf.RotateWithOffsetAttrs) => {
    const [batch, height, width, channels] = shape4(image);
    const sources = rotatedSources(height, width, attrs);
    const flat = tf.reshape(image!, [batch, height * width, channels]);
    const index = tf.tensor1d(
      sources.map((source) => Math.max(0, source)),
      'int32',
    );
    const inside = tf.tensor(
      sources.map((source) => source >= 0),
      [1, height * width, 1],
      'bool',
    );
    const fill = tf.cast(tf.tensor(fillOf(attrs.fillValue, channels), [1, 1, channels]), image!.dtype);
    return tf.reshape(tf.where(inside, tf.gather(flat, index, 1), fill), [batch, height, width, channels]);
  }),

  CropAndResize: composite(({ image, boxes, boxInd }, attrs: tf.CropAndResizeAttrs) => {
    const [batch, height, width, channels] = shape4(image);
    const [rows, columns] = attrs.cropSize;
    const [y1, x1, y2, x2] = tf.split(boxes!, 4, 1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const down = sampled(y1, y2, height, rows); // [boxes, rows]
    const along = sampled(x1, x2, width, columns); // [boxes, columns]
    const pixels = tf.reshape(tf.cast(image!, 'float32'), [batch * height * width, channels]);
    const known = tf.logicalAnd(tf.greaterEqual(boxInd!, 0), tf.less(boxInd!, batch));
    const example = tf.reshape(tf.where(known, boxInd!, tf.zerosLike(boxInd!)), [-1, 1, 1]);
    /** The pixels at whole coordinates: [boxes, rows, columns, channels]. */
    const at = (y: tf.Tensor, x: tf.Tensor) => {
      const row = tf.add(tf.mul(example, tf.scalar(height, 'int32')), tf.expandDims(y, 2));
      return tf.gather(pixels, tf.add(tf.mul(row, tf.scalar(width, 'int32')), tf.expandDims(x, 1)));
    };
    const mix = (a: tf.Tensor, b: tf.Tensor, part: tf.Tensor) => tf.add(a, tf.mul(tf.sub(b, a), part));
    const round = (v: tf.Tensor) => tf.cast(tf.floor(tf.add(v, 0.5)), 'int32');
    const [low, high] = [
      (v: tf.Tensor) => tf.cast(tf.floor(v), 'int32'),
      (v: tf.Tensor) => tf.cast(tf.ceil(v), 'int32'),
    ];
    const [y, x] = [down.coordinate, along.coordinate];
    let crop: tf.Tensor;
    if (attrs.method === 'nearest') crop = at(round(y), round(x));
    else {
      const right = tf.expandDims(tf.expandDims(tf.sub(x, tf.floor(x)), 1), 3);
      const below = tf.expandDims(tf.expandDims(tf.sub(y, tf.floor(y)), 2), 3);
      const top = mix(at(low(y), low(x)), at(low(y), high(x)), right);
      crop = mix(top, mix(at(high(y), low(x)), at(high(y), high(x)), right), below);
    }
    const inside = tf.logicalAnd(tf.expandDims(down.inside, 2), tf.expandDims(along.inside, 1));
    const filled = tf.where(tf.expandDims(inside, 3), crop, tf.scalar(attrs.extrapolationValue));
    // A box of an image that does not exist is black.
    return tf.where(tf.reshape(known, [-1, 1, 1, 1]), filled, tf.scalar(0));
  }),

  // The index of a window's first maximum is found cell by cell.
  MaxPoolWithArgmax: composite(({ x }, attrs: tf.MaxPoolWithArgmaxAttrs) => {
    const [batch, height, width, channels] = shape4(x);
    const { filterSize, strides, pad, includeBatchInIndex } = attrs;
    const info = tf.backend_util.computePool2DInfo(shape4(x), filterSize, strides, 1, pad);
    const { outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = info;
    const reach = (outputs: number, stride: number, filter: number) => (outputs - 1) * stride + filter;
    const bottom = Math.max(0, reach(outHeight, strideHeight, filterHeight) - height - padInfo.top);
    const right = Math.max(0, reach(outWidth, strideWidth, filterWidth) - width - padInfo.left);
    const least = x!.dtype === 'float32' ? -Infinity : -(2 ** 31);
    const padded = tf.pad(
      x!,
      [
        [0, 0],
        [padInfo.top, bottom],
        [padInfo.left, right],
        [0, 0],
      ],
      least,
    );
    let [largest, index] = [undefined, undefined] as [tf.Tensor | undefined, tf.Tensor | undefined];
    for (let i = 0; i < filterHeight; i++) {
      for (let j = 0; j < filterWidth; j++) {
        const end = [0, i + reach(outHeight, strideHeight, 1), j + reach(outWidth, strideWidth, 1), 0];
        const batchAndChannels = 0b1001;
        const cell = tf.stridedSlice(
          padded,
          [0, i, j, 0],
          end,
          [1, strideHeight, strideWidth, 1],
          batchAndChannels,
          batchAndChannels,
        );
        const places = tf.tensor(placesUnder(info, i, j), [1, outHeight, outWidth, channels], 'int32');
        const better = largest === undefined ? tf.greater(cell, least) : tf.greater(cell, largest);
        index = tf.where(better, places, index ?? tf.scalar(-1, 'int32'));
        largest = largest === undefined ? cell : tf.where(better, cell, largest);
      }
    }
    if (!includeBatchInIndex) return [largest!, index!];
    const perImage = tf.scalar(height * width * channels, 'int32');
    const offset = tf.reshape(tf.mul(tf.range(0, batch, 1, 'int32'), perImage), [batch, 1, 1, 1]);
    return [largest!, tf.where(tf.less(index!, 0), index!, tf.add(index!, offset))];
  }),
};

/** For each pixel of the turned image the place of its source in row-major order, or -1 where that lies outside. */
function rotatedSources(
  height: number,
  width: number,
  { radians, center }: tf.RotateWithOffsetAttrs,
): number[] {
  const [centerX, centerY] = tf.backend_util.getImageCenter(center, height, width);
  const [sin, cos] = [Math.sin(radians), Math.cos(radians)];
  return Array.from({ length: height * width }, (_, place) => {
    const [x, y] = [(place % width) - centerX, Math.floor(place / width) - centerY];
    const column = Math.round(x * cos - y * sin + centerX);
    const row = Math.round(x * sin + y * cos + centerY);
    return column >= 0 && column < width && row >= 0 && row < height ? row * width + column : -1;
  });
}

/** A colour per channel; the fourth is opacity, which is full. */
function fillOf(fill: tf.RotateWithOffsetAttrs['fillValue'], channels: number): number[] {
  return Array.from({ length: channels }, (_, channel) => {
    if (typeof fill === 'number') return fill;
    return channel === 3 ? 255 : fill[channel]!;
  });
}

/**
 * Where a crop samples an axis of `size` pixels: `count` coordinates from `from` to `to` (of shape [boxes, 1], in
 * units of the axis), or the middle for a single one; kept inside, and whether they were.
 */
function sampled(from: tf.Tensor, to: tf.Tensor, size: number, count: number) {
  const last = size - 1;
  const coordinate =
    count > 1
      ? tf.add(
          tf.mul(from, last),
          tf.mul(tf.range(0, count, 1, 'float32'), tf.div(tf.mul(tf.sub(to, from), last), count - 1)),
        )
      : tf.mul(tf.mul(tf.add(from, to), 0.5), last);
  const inside = tf.logicalAnd(tf.greaterEqual(coordinate, 0), tf.lessEqual(coordinate, last));
  return { coordinate: tf.clipByValue(tf.where(inside, coordinate, tf.scalar(0)), 0, last), inside };
}

/** The place in its image, in row-major order, of what lies under cell (i, j) of each window. */
function placesUnder(info: tf.backend_util.Conv2DInfo, i: number, j: number): number[] {
  const { outHeight, outWidth, strideHeight, strideWidth, padInfo, inWidth, inChannels } = info;
  const places: number[] = [];
  for (let row = 0; row < outHeight; row++) {
    for (let column = 0; column < outWidth; column++) {
      const y = row * strideHeight + i - padInfo.top;
      const x = column * strideWidth + j - padInfo.left;
      for (let channel = 0; channel < inChannels; channel++) {
        places.push((y * inWidth + x) * inChannels + channel);
      }
    }
  }
  return places;
}
