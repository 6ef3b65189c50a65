import { tf } from '../tf.ts';

/** How a window slides along one axis; sizes in cells of that axis. */
export interface AxisWindow {
  readonly input: number;
  readonly output: number;
  readonly filter: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before the first cell. */
  readonly before: number;
}

/** Cells that the last window reads past the end; 0 where trailing cells are left unread. */
export function paddingAfter({ input, output, filter, stride, dilation, before }: AxisWindow): number {
  return Math.max(0, (output - 1) * stride + (filter - 1) * dilation + 1 - input - before);
}

/**
 * What lies under each cell of the window, at every position of the window: for x of shape [batch, input, rest],
 * `filter` tensors of shape [batch, output, rest]. Padding holds `fill`.
 */
export function cellsUnder(x: tf.Tensor, window: AxisWindow, fill: number): tf.Tensor[] {
  const { output, filter, stride, dilation, before } = window;
  const after = paddingAfter(window);
  const around: [number, number][] = [
    [0, 0],
    [before, after],
    [0, 0],
  ];
  const padded = before + after === 0 ? x : tf.pad(x, around, fill);
  return Array.from({ length: filter }, (_, k) => {
    const begin = k * dilation;
    const end = begin + (output - 1) * stride + 1;
    const wholeBatchAndRest = 0b101;
    return tf.stridedSlice(
      padded,
      [0, begin, 0],
      [0, end, 0],
      [1, stride, 1],
      wholeBatchAndRest,
      wholeBatchAndRest,
    );
  });
}

/**
 * The transpose of `cellsUnder`: every cell receives the sum of what the windows over it hold for it.
 * @param parts one tensor of shape [batch, output, rest] per cell of the window
 * @returns a tensor of shape [batch, input, rest]
 */
export function spreadBack(parts: readonly tf.Tensor[], window: AxisWindow): tf.Tensor {
  const { input, output, stride, dilation, before } = window;
  const placed = parts.map((part, k) => {
    const [batch, , rest] = part.shape as [number, number, number];
    let apart = part;
    if (stride > 1) {
      const beside = tf.pad(tf.reshape(part, [batch, output, 1, rest]), [
        [0, 0],
        [0, 0],
        [0, stride - 1],
        [0, 0],
      ]);
      apart = tf.reshape(beside, [batch, output * stride, rest]);
    }
    const lead = k * dilation - before;
    return shifted(apart, output * stride, lead, input);
  });
  return placed.length === 1 ? placed[0]! : placed.reduce((a, b) => tf.add(a, b));
}

/** The cells of axis 1 moved up by `lead` (down where negative) onto an axis of `size` cells. */
function shifted(x: tf.Tensor, cells: number, lead: number, size: number): tf.Tensor {
  const first = Math.max(0, -lead);
  const kept = Math.min(cells - first, size - Math.max(0, lead));
  const start = Math.max(0, lead);
  const cut = kept === cells ? x : tf.slice(x, [0, first, 0], [-1, kept, -1]);
  return tf.pad(cut, [
    [0, 0],
    [start, size - start - kept],
    [0, 0],
  ]);
}
