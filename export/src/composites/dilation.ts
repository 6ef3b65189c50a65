import { tf } from '../tf.ts';
import { composite } from './composite.ts';
import { type AxisWindow, paddingAfter, spreadBack } from './depth-window.ts';

type Shape4 = [number, number, number, number];
type Shape3 = [number, number, number];
type Attrs = tf.Dilation2DAttrs;

/** Greyscale dilation (the largest sum of image and filter under a window) and its gradients, NHWC. */
export const dilationComposites: Record<string, tf.KernelFunc> = {
  Dilation2D: composite(({ x, filter }, attrs: Attrs) => {
    const { cells } = sumsUnder(x!, filter!, attrs);
    return cells.flat().reduce((a, b) => tf.maximum(a, b));
  }),

  Dilation2DBackpropInput: composite(({ x, filter, dy }, attrs: Attrs) => {
    const plan = sumsUnder(x!, filter!, attrs);
    const [batch, , , channels] = x!.shape as Shape4;
    const { rows, columns } = plan;
    const byRow = sharesOf(plan.cells, dy!).map((row) => {
      const parts = row.map((share) => tf.reshape(share, [batch * rows.output, columns.output, channels]));
      return tf.reshape(spreadBack(parts, columns), [batch, rows.output, columns.input * channels]);
    });
    return tf.reshape(spreadBack(byRow, rows), x!.shape as Shape4);
  }),

  Dilation2DBackpropFilter: composite(({ x, filter, dy }, attrs: Attrs) => {
    const { cells } = sumsUnder(x!, filter!, attrs);
    const rows = sharesOf(cells, dy!).map((row) => tf.stack(row.map((share) => tf.sum(share, [0, 1, 2]))));
    return tf.stack(rows);
  }),
};

/** For each cell (i, j) of the filter the sums under it at every position of the window. */
function sumsUnder(x: tf.Tensor, filter: tf.Tensor, { strides, pad, dilations }: Attrs) {
  const info = tf.backend_util.computeDilation2DInfo(
    x.shape as Shape4,
    filter.shape as Shape3,
    strides,
    pad,
    'NHWC',
    dilations,
  );
  const rows: AxisWindow = {
    input: info.inHeight,
    output: info.outHeight,
    filter: info.filterHeight,
    stride: info.strideHeight,
    dilation: info.dilationHeight,
    before: info.padInfo.top,
  };
  const columns: AxisWindow = {
    input: info.inWidth,
    output: info.outWidth,
    filter: info.filterWidth,
    stride: info.strideWidth,
    dilation: info.dilationWidth,
    before: info.padInfo.left,
  };
  const around: [number, number][] = [
    [0, 0],
    [rows.before, paddingAfter(rows)],
    [columns.before, paddingAfter(columns)],
    [0, 0],
  ];
  const padded = tf.pad(x, around, -Infinity);
  const cells = Array.from({ length: rows.filter }, (_, i) =>
    Array.from({ length: columns.filter }, (_, j) => {
      const [top, left] = [i * rows.dilation, j * columns.dilation];
      const bottom = top + (rows.output - 1) * rows.stride + 1;
      const right = left + (columns.output - 1) * columns.stride + 1;
      const batchAndChannels = 0b1001;
      const cell = tf.stridedSlice(
        padded,
        [0, top, left, 0],
        [0, bottom, right, 0],
        [1, rows.stride, columns.stride, 1],
        batchAndChannels,
        batchAndChannels,
      );
      return tf.add(cell, tf.reshape(tf.slice(filter, [i, j, 0], [1, 1, -1]), [info.inChannels]));
    }),
  );
  return { rows, columns, cells };
}

/** The part of dy that each cell receives: all of it where the cell is its window's first largest, else nothing. */
function sharesOf(cells: readonly tf.Tensor[][], dy: tf.Tensor): tf.Tensor[][] {
  const y = cells.flat().reduce((a, b) => tf.maximum(a, b));
  let remaining = dy;
  return cells.map((row) =>
    row.map((cell) => {
      const isLargest = tf.equal(cell, y);
      const share = tf.where(isLargest, remaining, tf.zerosLike(remaining));
      remaining = tf.where(isLargest, tf.zerosLike(remaining), remaining);
      return share;
    }),
  );
}
