import { expect, test } from 'vitest';
import { hostTensor } from '../program/tensor.ts';
import { tickLabel, ticks } from './axes.ts';
import type { Raster } from './codec.ts';
import { classColour, viridis } from './colour-map.ts';
import { densityPlot, plotRegion, scatterPlot } from './points.ts';

const extent = { centre: [0, 0], halfWidth: 1 } as const;
const white = [255, 255, 255];

function pixel({ width, data }: Raster, x: number, y: number): number[] {
  return [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}

/** Corner of the plot inside the picture: axes take the rest. */
const [left, top] = [52, 10];

/** How much of the picture differs from `other`, in pixels that are wholly changed: the sum of coverage. */
function inkOf(picture: Raster, other: Raster, colour: readonly number[]): number {
  let ink = 0;
  for (let i = 0; i < picture.data.length; i += 3) {
    ink += (other.data[i]! - picture.data[i]!) / (other.data[i]! - colour[0]!);
  }
  return ink;
}

test('a point lands where its coordinates say, y upwards, in its class colour', () => {
  const points = hostTensor('float32', [2, 2], [0.5, 0.5, -0.5, -0.5]);
  const plot = scatterPlot(points, { extent, size: 100, labels: [0, 1] });
  expect([plot.width, plot.height, plot.channels]).toEqual([100 + 52 + 14, 100 + 10 + 26, 3]);
  // 0.85 of the colour over white, in the middle of a disc of radius 3.5.
  const over = (label: number) => classColour(label).map((value) => Math.round(0.15 * 255 + 0.85 * value));
  expect(pixel(plot, left + 75, top + 25)).toEqual(over(0));
  expect(pixel(plot, left + 25, top + 75)).toEqual(over(1));
  expect(pixel(plot, left + 75, top + 75)).toEqual(white);
});

test('a disc covers the area of a circle wherever it stands between pixels', () => {
  const empty = scatterPlot(hostTensor('float32', [0, 2], []), { extent, size: 100 });
  // 0.31 and 0.17 put the centre off the grid. One pixel is 0.02 wide.
  for (const [x, y] of [
    [0.31, 0.31],
    [0.317, 0.309],
    [-0.523, 0.3],
  ] as const) {
    const plot = scatterPlot(hostTensor('float32', [1, 2], [x, y]), { extent, size: 100 });
    // The linear edge makes the area pi (r^2 + 1/12) on average over positions; 3 % is what one position strays.
    const area = inkOf(plot, empty, classColour(0)) / 0.85;
    expect(Math.abs(area / (Math.PI * (3.5 ** 2 + 1 / 12)) - 1)).toBeLessThan(0.03);
  }
});

test('points outside or not finite leave the picture as without them; those at the edge stay inside', () => {
  const empty = scatterPlot(hostTensor('float32', [0, 2], []), { extent, size: 60 });
  const away = [5, 0, Number.NaN, 0, 0, Number.POSITIVE_INFINITY, 0, -1e30];
  expect(scatterPlot(hostTensor('float32', [4, 2], away), { extent, size: 60 }).data).toEqual(empty.data);
  const edge = scatterPlot(hostTensor('float32', [1, 2], [1, 0.3]), { extent, size: 60 });
  expect(pixel(edge, left + 59, top + 21)).not.toEqual(pixel(empty, left + 59, top + 21));
  for (let x = left + 60; x < edge.width; x++) {
    expect(pixel(edge, x, top + 21)).toEqual(pixel(empty, x, top + 21));
  }
});

test('the region is the smallest square about all finite points, with a margin of 5 %', () => {
  const region = plotRegion([0, 1, 4, 3, Number.NaN, Number.POSITIVE_INFINITY]);
  expect(region.centre).toEqual([2, 2]);
  // 5 % of a half width of 2, in doubles.
  expect(region.halfWidth).toBeCloseTo(2.1, 12);
  expect(plotRegion([7, 7])).toEqual({ centre: [7, 7], halfWidth: 1 });
  expect(plotRegion([])).toEqual({ centre: [0, 0], halfWidth: 1 });
});

test('a density is dark where it is zero and bright where it is greatest, the first row lowest', () => {
  const values = hostTensor('float32', [2, 2], [0, 0, 0, 8]);
  const plot = densityPlot(values, { extent, size: 40 });
  expect(pixel(plot, left + 39, top)).toEqual([253, 231, 37]);
  expect(pixel(plot, left, top)).toEqual([68, 1, 84]);
  expect(pixel(plot, left + 39, top + 39)).toEqual([68, 1, 84]);
  // Pixel centre (29.5, 0.5) of 40 lies at column (29.5 / 40) * 2 - 0.5 = 0.975 of the cells, at the top row.
  expect(pixel(plot, left + 29, top)).toEqual([...viridis(0.975)]);
});

test('a density of zeros, or with values that are not finite, is drawn', () => {
  const zeros = densityPlot(hostTensor('float32', [1, 2], [0, 0]), { extent, size: 8 });
  expect(pixel(zeros, left + 4, top + 4)).toEqual([68, 1, 84]);
  const broken = densityPlot(hostTensor('float32', [1, 2], [Number.NaN, 1]), { extent, size: 8 });
  expect(pixel(broken, left, top)).toEqual([68, 1, 84]);
});

test('viridis passes through the published colours, is clamped, and gets lighter all the way', () => {
  expect([viridis(0), viridis(0.5), viridis(1)].map((colour) => [...colour])).toEqual([
    [68, 1, 84],
    [33, 145, 140],
    [253, 231, 37],
  ]);
  expect([viridis(-3), viridis(7)]).toEqual([viridis(0), viridis(1)]);
  // Relative luminance by sRGB (IEC 61966-2-1).
  const linear = (byte: number) =>
    byte / 255 <= 0.04045 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = Array.from({ length: 101 }, (_, i) => {
    const [r, g, b] = viridis(i / 100).map(linear) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  });
  for (let i = 1; i < luminance.length; i++) expect(luminance[i]!).toBeGreaterThan(luminance[i - 1]!);
});

test.each([
  [-1, 1, [-1, -0.5, 0, 0.5, 1]],
  [0, 10, [0, 2, 4, 6, 8, 10]],
  [-0.05, 0.06, [-0.05, 0, 0.05]],
  [1000, 1003, [1000, 1001, 1002, 1003]],
])('ticks from %f to %f are round', (low, high, expected) => {
  expect(ticks(low, high)).toEqual(expected);
});

test.each([
  [-0.5, '-0.5'],
  [2000, '2000'],
  [1_500_000, '1.5e6'],
  [-0.0000025, '-2.5e-6'],
])('the tick at %f is labelled %s', (value, label) => {
  expect(tickLabel(value)).toBe(label);
});

test('wrong shapes are refused, saying what came', () => {
  expect(() => scatterPlot(hostTensor('float32', [1, 3], [0, 0, 0]))).toThrow('[1,3]');
  expect(() => scatterPlot(hostTensor('float32', [1, 2], [0, 0]), { labels: [1, 2] })).toThrow(
    '1 labels, got 2',
  );
  expect(() => scatterPlot(hostTensor('float32', [1, 2], [0, 0]), { size: 0 })).toThrow('got 0');
  expect(() => densityPlot(hostTensor('float32', [2], [0, 0]), { extent })).toThrow('[2]');
  const flat = { centre: [0, 0], halfWidth: 0 } as const;
  expect(() => densityPlot(hostTensor('float32', [1, 1], [0]), { extent: flat })).toThrow('half width');
});
