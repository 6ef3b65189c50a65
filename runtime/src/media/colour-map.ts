import type { Colour } from './canvas.ts';

/**
 * Nine evenly spaced colours of viridis (S. van der Walt and N. Smith, 2015; dedicated to the public domain), a
 * map whose lightness rises evenly, also for those who see fewer colours, and in print.
 */
const viridisStops: readonly Colour[] = [
  [68, 1, 84],
  [71, 45, 123],
  [59, 82, 139],
  [44, 114, 142],
  [33, 145, 140],
  [40, 174, 128],
  [94, 201, 98],
  [173, 220, 48],
  [253, 231, 37],
];

/** Colours of classes that stay apart for those who see fewer colours (Okabe and Ito, 2008), grey in place of yellow. */
const classColours: readonly Colour[] = [
  [0, 114, 178],
  [230, 159, 0],
  [0, 158, 115],
  [204, 121, 167],
  [86, 180, 233],
  [213, 94, 0],
  [0, 0, 0],
  [135, 135, 135],
];

/** Viridis: 0 is dark violet, 1 yellow; values outside are clamped, NaN is white. */
export function viridis(value: number): Colour {
  if (Number.isNaN(value)) return [255, 255, 255];
  const position = Math.min(1, Math.max(0, value)) * (viridisStops.length - 1);
  const index = Math.min(viridisStops.length - 2, Math.floor(position));
  const [from, to] = [viridisStops[index]!, viridisStops[index + 1]!];
  const mix = (c: 0 | 1 | 2) => Math.round(from[c] + (to[c] - from[c]) * (position - index));
  return [mix(0), mix(1), mix(2)];
}

/** The colour of a class; they repeat after eight. */
export function classColour(label: number): Colour {
  return classColours[((label % classColours.length) + classColours.length) % classColours.length]!;
}
