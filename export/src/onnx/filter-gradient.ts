import type { Dim, Shape } from '../graph/ir.ts';
import type { OnnxEmitter } from './lowering.ts';
import { cellsUnder, keepLeading, padImages, times, type Windows } from './window-geometry.ts';

/**
 * Whether the filter gradient is better computed as one matrix product per filter cell than as a convolution.
 * On the CPU provider the convolution's inner product has as many columns as the filter has cells, so it wastes
 * the machine on small filters; the products waste it on few channels. Measured on filters from 1 x 1 to 7 x 7 and
 * 1 to 64 channels, they break even at about as many channels as cells (1 x 2 cells, 32 channels: 14 times faster).
 * The limit keeps graphs short.
 */
export function prefersProducts(windows: Windows, channels: number): boolean {
  const cells = windows[0].filter * windows[1].filter;
  return cells <= channels && cells <= 25;
}

/**
 * Emits the gradient of a convolution's filter as W'[i, j] = X[i, j]^T Y': X[i, j] holds, for every position of the
 * window, the input under the filter's cell (i, j), a strided slice, as a matrix [positions, channels].
 *
 * @param x the input, NHWC, of shape `xShape`
 * @param dy the gradient of the output, NHWC, of shape `dyShape`, at least as large as the windows' output
 * @returns the name of the gradient: [height, width, in channels, out channels]
 */
export function filterGradientByProducts(
  emit: OnnxEmitter,
  [x, xShape]: readonly [string, Shape],
  [dy, dyShape]: readonly [string, Shape],
  [h, w]: Windows,
): string {
  const [batch, , , channels] = xShape as Shape4;
  const [, height, width, outChannels] = dyShape as Shape4;
  const positions = times(batch, h.output * w.output);
  const kept = keepLeading(emit, dy, [
    { axis: 1, has: height, keep: h.output },
    { axis: 2, has: width, keep: w.output },
  ]);
  const gradient = emit.reshape(kept, [positions, outChannels]);
  const padded = padImages(emit, x, [h, w]);
  const whole = [h, w].every(({ filter, stride }) => filter === 1 && stride === 1);
  const products: string[] = [];
  for (let i = 0; i < h.filter; i++) {
    for (let j = 0; j < w.filter; j++) {
      const cells = whole ? padded : cellsUnder(emit, padded, [h, w], i, j);
      products.push(emit.op('Gemm', [emit.reshape(cells, [positions, channels]), gradient], { transA: 1 }));
    }
  }
  const stacked = products.length === 1 ? products[0]! : emit.op('Concat', products, { axis: 0 });
  return emit.reshape(stacked, [h.filter, w.filter, channels, outChannels]);
}

type Shape4 = readonly [Dim, number, number, number];
