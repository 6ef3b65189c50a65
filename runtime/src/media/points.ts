import type { HostTensor } from '../program/tensor.ts';
import { drawAxes, type PlotRegion, startPlot } from './axes.ts';
import type { Raster } from './codec.ts';
import { classColour, viridis } from './colour-map.ts';

export type { PlotRegion } from './axes.ts';

const defaultSize = 480;

export interface ScatterOptions {
  /** What to show; the smallest square that holds all points, with a margin of 5 %, when absent. */
  readonly extent?: PlotRegion;
  /** Pixels a side of the plot, axes not counted; 480 when absent. */
  readonly size?: number;
  /** Class of each point, which gives its colour. */
  readonly labels?: ArrayLike<number>;
}

/**
 * Points in the plane as dots with smooth edges, on white, with axes. Points outside the extent, or not finite,
 * are left out.
 * @param points [n, 2]
 * @throws when the points have another shape, or the labels another number.
 */
export function scatterPlot(points: HostTensor, options: ScatterOptions = {}): Raster {
  const { shape, data } = points;
  if (shape.length !== 2 || shape[1] !== 2) {
    throw new Error(`scatter plot: expected points [n, 2], got shape [${shape}]`);
  }
  const count = shape[0]!;
  const { extent = plotRegion(data), size = defaultSize, labels } = options;
  if (labels !== undefined && labels.length !== count) {
    throw new Error(`scatter plot: expected ${count} labels, got ${labels.length}`);
  }
  const plot = startPlot(extent, size);
  // Fewer points get larger dots; many are drawn small and translucent, so that density shows.
  const radius = Math.max(1, Math.min(3.5, 90 / Math.sqrt(count)));
  const alpha = count > 500 ? 0.55 : 0.85;
  for (let i = 0; i < count; i++) {
    const [x, y] = plot.toPixel(data[2 * i]!, data[2 * i + 1]!);
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    plot.canvas.disc(x, y, radius, classColour(labels?.[i] ?? 0), alpha, plot.area);
  }
  drawAxes(plot, extent);
  return plot.canvas.raster;
}

/** The smallest square about all finite points [n, 2], with a margin of 5 %; about the origin when there are none. */
export function plotRegion(data: ArrayLike<number>): PlotRegion {
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (!Number.isFinite(value)) continue;
    low[i % 2] = Math.min(low[i % 2]!, value);
    high[i % 2] = Math.max(high[i % 2]!, value);
  }
  const middle = (axis: number) => (high[axis]! >= low[axis]! ? (low[axis]! + high[axis]!) / 2 : 0);
  const span = Math.max(0, high[0]! - low[0]!, high[1]! - low[1]!);
  return { centre: [middle(0), middle(1)], halfWidth: (span / 2) * 1.05 || 1 };
}

export interface DensityOptions {
  /** The square that the values cover. */
  readonly extent: PlotRegion;
  /** Pixels a side of the plot, axes not counted; 480 when absent. */
  readonly size?: number;
  /** Values of the darkest and the brightest colour; 0 and the largest value when absent. */
  readonly range?: readonly [number, number];
}

/**
 * A function on the plane as colours (viridis), with axes.
 * @param values [rows, columns]: the function at the centres of equal cells; the first row is the lowest y. Between
 * centres it is interpolated linearly. Values that are not finite count as the low end of the range.
 * @throws when the values have another shape, or none.
 */
export function densityPlot(values: HostTensor, options: DensityOptions): Raster {
  const [rows, columns] = values.shape;
  if (values.shape.length !== 2 || values.data.length === 0) {
    throw new Error(`density plot: expected values [rows, columns], got shape [${values.shape}]`);
  }
  const { extent, size = defaultSize, range = [0, largest(values.data)] } = options;
  const [low, high] = range;
  const plot = startPlot(extent, size);
  const grid = { data: values.data, rows: rows!, columns: columns!, low };
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const row = ((size - y - 0.5) / size) * rows! - 0.5;
      const value = interpolate(grid, row, ((x + 0.5) / size) * columns! - 0.5);
      plot.canvas.blend(plot.area.left + x, plot.area.top + y, viridis((value - low) / (high - low || 1)));
    }
  }
  drawAxes(plot, extent);
  return plot.canvas.raster;
}

interface Grid {
  readonly data: ArrayLike<number>;
  readonly rows: number;
  readonly columns: number;
  readonly low: number;
}

/** Bilinear; beyond the outermost centres the nearest value holds. */
function interpolate({ data, rows, columns, low }: Grid, row: number, column: number): number {
  const y = Math.min(rows - 1, Math.max(0, row));
  const x = Math.min(columns - 1, Math.max(0, column));
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const at = (j: number, i: number) => {
    const value = data[Math.min(rows - 1, j) * columns + Math.min(columns - 1, i)]!;
    return Number.isFinite(value) ? value : low;
  };
  const along = (j: number) => at(j, left) + (at(j, left + 1) - at(j, left)) * (x - left);
  return along(top) + (along(top + 1) - along(top)) * (y - top);
}

function largest(values: ArrayLike<number>): number {
  let result = 0;
  for (let i = 0; i < values.length; i++)
    if (Number.isFinite(values[i])) result = Math.max(result, values[i]!);
  return result;
}
