/** A square region of the plane that a plot shows: equal scale on both axes. */
export interface PlotRegion {
  readonly centre: readonly [number, number];
  readonly halfWidth: number;
}

export interface PlotColours {
  readonly background: string;
  readonly axis: string;
  readonly point: string;
  readonly text: string;
}

/**
 * The smallest centred square that holds all finite points, with a margin of 5 %.
 * @param data points [n, dimensions]; the first two dimensions count, a single one is plotted against zero
 */
export function plotRegion(data: ArrayLike<number>, dimensions: number): PlotRegion {
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let start = 0; start + dimensions <= data.length; start += dimensions) {
    for (let axis = 0; axis < 2; axis += 1) {
      const value = axis < dimensions ? data[start + axis]! : 0;
      if (!Number.isFinite(value)) continue;
      low[axis] = Math.min(low[axis]!, value);
      high[axis] = Math.max(high[axis]!, value);
    }
  }
  const span = [0, 1].map((axis) => (high[axis]! >= low[axis]! ? high[axis]! - low[axis]! : 0));
  const centre = [0, 1].map((axis) => (span[axis] ? (low[axis]! + high[axis]!) / 2 : finite(low[axis]!)));
  const halfWidth = (Math.max(...span) / 2) * 1.05 || 1;
  return { centre: [centre[0]!, centre[1]!], halfWidth };
}

const finite = (value: number) => (Number.isFinite(value) ? value : 0);

/**
 * Draws a scatter plot that fills the canvas: axes through zero, the region's bounds as text, one dot a point.
 * @param data points [n, dimensions], row-major
 * @param pixelRatio device pixels per CSS pixel, so that lines and text keep their size
 */
export function drawScatter(
  context: CanvasRenderingContext2D,
  data: ArrayLike<number>,
  dimensions: number,
  colours: PlotColours,
  pixelRatio: number,
): void {
  const { width, height } = context.canvas;
  const region = plotRegion(data, dimensions);
  const scale = Math.min(width, height) / (2 * region.halfWidth);
  const toX = (x: number) => width / 2 + (x - region.centre[0]) * scale;
  const toY = (y: number) => height / 2 - (y - region.centre[1]) * scale;

  context.fillStyle = colours.background;
  context.fillRect(0, 0, width, height);
  context.fillStyle = colours.axis;
  context.fillRect(Math.round(toX(0)), 0, pixelRatio, height);
  context.fillRect(0, Math.round(toY(0)), width, pixelRatio);

  const count = Math.floor(data.length / dimensions);
  // Fewer points get larger dots; many are drawn small and translucent, so that density shows.
  const radius = Math.max(1, Math.min(3.5, 90 / Math.sqrt(count))) * pixelRatio;
  context.globalAlpha = count > 500 ? 0.55 : 0.85;
  context.fillStyle = colours.point;
  for (let i = 0; i < count; i += 1) {
    const x = data[i * dimensions]!;
    const y = dimensions > 1 ? data[i * dimensions + 1]! : 0;
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    context.beginPath();
    context.arc(toX(x), toY(y), radius, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
  drawBounds(context, region, colours.text, pixelRatio);
}

function drawBounds(
  context: CanvasRenderingContext2D,
  { centre, halfWidth }: PlotRegion,
  colour: string,
  pixelRatio: number,
): void {
  const { width, height } = context.canvas;
  const pad = 6 * pixelRatio;
  const label = (value: number) => String(Number(value.toPrecision(3)));
  context.fillStyle = colour;
  context.font = `${12 * pixelRatio}px system-ui, sans-serif`;
  // Along the left and bottom edges, where the corners leave room beside points on the axes.
  context.textAlign = 'left';
  context.textBaseline = 'top';
  context.fillText(label(centre[1] + halfWidth), pad, pad);
  context.textBaseline = 'bottom';
  // The plot is square but its centre need not be 0, so the lower left corner states both ends.
  context.fillText(`${label(centre[0] - halfWidth)}, ${label(centre[1] - halfWidth)}`, pad, height - pad);
  context.textAlign = 'right';
  context.fillText(label(centre[0] + halfWidth), width - pad, height - pad);
}
