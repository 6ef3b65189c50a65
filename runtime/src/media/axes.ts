import { type Box, Canvas, type Colour, textHeight, textWidth } from './canvas.ts';

/** A square region of the plane: equal scale on both axes. */
export interface PlotRegion {
  readonly centre: readonly [x: number, y: number];
  readonly halfWidth: number;
}

const margin = { left: 52, right: 14, top: 10, bottom: 26 };
const lineColour: Colour = [110, 110, 110];
const zeroColour: Colour = [222, 222, 222];
const textColour: Colour = [60, 60, 60];
const tickLength = 4;

/** A white picture with room for axes about a square plot. */
export interface Plot {
  readonly canvas: Canvas;
  /** Where to draw. */
  readonly area: Box;
  /** From the plane to pixels. */
  readonly toPixel: (x: number, y: number) => [x: number, y: number];
}

/** Starts a plot of `size` by `size` pixels, with lines where x or y is zero. */
export function startPlot({ centre, halfWidth }: PlotRegion, size: number): Plot {
  if (!Number.isInteger(size) || size < 1) {
    throw new Error(`plot: expected a size in whole pixels, got ${size}`);
  }
  if (!(halfWidth > 0 && Number.isFinite(halfWidth))) {
    throw new Error(`plot: expected a positive half width, got ${halfWidth}`);
  }
  const canvas = new Canvas(margin.left + size + margin.right, margin.top + size + margin.bottom);
  const area = { left: margin.left, top: margin.top, right: margin.left + size, bottom: margin.top + size };
  const scale = size / (2 * halfWidth);
  const toPixel = (x: number, y: number): [number, number] => [
    area.left + size / 2 + (x - centre[0]) * scale,
    area.top + size / 2 - (y - centre[1]) * scale,
  ];
  const [zeroX, zeroY] = toPixel(0, 0).map(Math.floor) as [number, number];
  if (zeroX >= area.left && zeroX < area.right) {
    canvas.fill({ ...area, left: zeroX, right: zeroX + 1 }, zeroColour);
  }
  if (zeroY >= area.top && zeroY < area.bottom) {
    canvas.fill({ ...area, top: zeroY, bottom: zeroY + 1 }, zeroColour);
  }
  return { canvas, area, toPixel };
}

/** Draws the frame with ticks and their values, last, so that nothing lies over it. */
export function drawAxes({ canvas, area, toPixel }: Plot, { centre, halfWidth }: PlotRegion): void {
  canvas.frame(area, lineColour);
  for (const value of ticks(centre[0] - halfWidth, centre[0] + halfWidth)) {
    const x = Math.floor(toPixel(value, 0)[0]);
    canvas.fill({ left: x, right: x + 1, top: area.bottom, bottom: area.bottom + tickLength }, lineColour);
    const label = tickLabel(value);
    canvas.text(label, x - Math.floor(textWidth(label) / 2), area.bottom + tickLength + 4, textColour);
  }
  for (const value of ticks(centre[1] - halfWidth, centre[1] + halfWidth)) {
    const y = Math.floor(toPixel(0, value)[1]);
    canvas.fill({ left: area.left - tickLength, right: area.left, top: y, bottom: y + 1 }, lineColour);
    const label = tickLabel(value);
    const left = area.left - tickLength - 3 - textWidth(label);
    canvas.text(label, left, y - Math.floor(textHeight / 2), textColour);
  }
}

/** Three to six round values (1, 2 or 5 times a power of ten apart) within the bounds. */
export function ticks(low: number, high: number): number[] {
  const raw = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw * (1 - 1e-9))! * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Adding zero turns -0 into 0.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)) + 0);
}

/** At most six letters where that loses nothing, else four digits and an exponent. */
export function tickLabel(value: number): string {
  const plain = String(value);
  return plain.length <= 6 ? plain : Number(value.toPrecision(4)).toExponential().replace('e+', 'e');
}
