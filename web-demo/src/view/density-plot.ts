import type { PlotRegion } from './scatter.ts';

/** An ellipse of one standard deviation: half axes and the angle of the first, radians from the x axis. */
export interface Ellipse {
  readonly centre: readonly [number, number];
  readonly halfAxes: readonly [number, number];
  readonly angle: number;
}

/** The ellipse of the mean and covariance of points [n, 2]. */
export function ellipseOf(points: ArrayLike<number>): Ellipse {
  const count = points.length / 2;
  let [x, y] = [0, 0];
  for (let i = 0; i < count; i += 1) {
    x += points[2 * i]! / count;
    y += points[2 * i + 1]! / count;
  }
  let [xx, xy, yy] = [0, 0, 0];
  for (let i = 0; i < count; i += 1) {
    const [dx, dy] = [points[2 * i]! - x, points[2 * i + 1]! - y];
    xx += (dx * dx) / count;
    xy += (dx * dy) / count;
    yy += (dy * dy) / count;
  }
  // Eigenvalues of a symmetric 2x2 matrix: half its trace, plus and minus the root of what is left.
  const middle = (xx + yy) / 2;
  const spread = Math.hypot((xx - yy) / 2, xy);
  const halfAxes = [Math.sqrt(middle + spread), Math.sqrt(Math.max(0, middle - spread))] as const;
  return { centre: [x, y], halfAxes, angle: Math.atan2(2 * xy, xx - yy) / 2 };
}

/** Nine evenly spaced colours of viridis (S. van der Walt and N. Smith, 2015; dedicated to the public domain). */
const viridis = [
  [68, 1, 84],
  [71, 45, 123],
  [59, 82, 139],
  [44, 114, 142],
  [33, 145, 140],
  [40, 174, 128],
  [94, 201, 98],
  [173, 220, 48],
  [253, 231, 37],
] as const;

function colourAt(value: number): readonly [number, number, number] {
  const position = Math.min(1, Math.max(0, value)) * (viridis.length - 1);
  const index = Math.min(viridis.length - 2, Math.floor(position));
  const [from, to] = [viridis[index]!, viridis[index + 1]!];
  const mix = (c: 0 | 1 | 2) => from[c] + (to[c] - from[c]) * (position - index);
  return [mix(0), mix(1), mix(2)];
}

export interface DensityPlot {
  readonly region: PlotRegion;
  readonly ellipses: readonly Ellipse[];
  /** [n, 2] */
  readonly points: ArrayLike<number>;
}

/**
 * A density as a heat map, with ellipses of one and two deviations, or contours where there are none, and points.
 * The colour is the root of the density, so that tails show.
 * @param logDensity nats at the centres of a square grid's cells, row by row from the top
 */
export function drawDensity(canvas: HTMLCanvasElement, logDensity: Float32Array, plot: DensityPlot): void {
  const side = Math.sqrt(logDensity.length);
  const ratio = Math.min(2, devicePixelRatio || 1);
  const size = Math.round(Math.min(560, canvas.parentElement?.clientWidth || 320) * ratio);
  canvas.width = size;
  canvas.height = size;
  const context = canvas.getContext('2d')!;
  const most = logDensity.reduce((a, b) => Math.max(a, Number.isNaN(b) ? a : b), Number.NEGATIVE_INFINITY);
  const levels = logDensity.map((value) => Math.exp((value - most) / 2));
  const pixels = new Uint8ClampedArray(side * side * 4);
  for (const [i, level] of levels.entries()) pixels.set([...colourAt(level), 255], i * 4);
  const small = document.createElement('canvas');
  small.width = side;
  small.height = side;
  small.getContext('2d')!.putImageData(new ImageData(pixels, side, side), 0, 0);
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, size, size);

  const unit = size / (2 * plot.region.halfWidth);
  const toX = (x: number) => size / 2 + (x - plot.region.centre[0]) * unit;
  const toY = (y: number) => size / 2 - (y - plot.region.centre[1]) * unit;
  context.fillStyle = 'rgb(255 255 255 / 0.5)';
  for (let i = 0; i + 1 < plot.points.length; i += 2) {
    context.beginPath();
    context.arc(toX(plot.points[i]!), toY(plot.points[i + 1]!), 1.3 * ratio, 0, 2 * Math.PI);
    context.fill();
  }
  context.strokeStyle = 'rgb(255 255 255 / 0.9)';
  context.lineWidth = 1.25 * ratio;
  for (const { centre, halfAxes, angle } of plot.ellipses) {
    for (const deviations of [1, 2]) {
      const [a, b] = [halfAxes[0] * deviations * unit, halfAxes[1] * deviations * unit];
      context.beginPath();
      context.ellipse(toX(centre[0]), toY(centre[1]), a, b, -angle, 0, 2 * Math.PI);
      context.stroke();
    }
  }
  if (plot.ellipses.length === 0) drawContours(context, levels, side, size);
}

/** Lines of equal density by marching squares: where each cell's corners lie on both sides, a segment between. */
function drawContours(
  context: CanvasRenderingContext2D,
  levels: Float32Array,
  side: number,
  size: number,
): void {
  const cell = size / side;
  for (const level of [0.15, 0.4, 0.7]) {
    context.beginPath();
    for (let y = 0; y + 1 < side; y += 1) {
      for (let x = 0; x + 1 < side; x += 1) {
        const at = y * side + x;
        const corners = [levels[at]!, levels[at + 1]!, levels[at + side + 1]!, levels[at + side]!];
        const crossings: [number, number][] = [];
        corners.forEach((value, i) => {
          const next = corners[(i + 1) % 4]!;
          if (value < level === next < level) return;
          const t = (level - value) / (next - value);
          const places = [
            [t, 0],
            [1, t],
            [1 - t, 1],
            [0, 1 - t],
          ] as const;
          crossings.push([(x + 0.5 + places[i]![0]) * cell, (y + 0.5 + places[i]![1]) * cell]);
        });
        for (let i = 0; i + 1 < crossings.length; i += 2) {
          context.moveTo(...crossings[i]!);
          context.lineTo(...crossings[i + 1]!);
        }
      }
    }
    context.stroke();
  }
}
