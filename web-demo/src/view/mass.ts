import type { PlotRegion } from './scatter.ts';

/** The centres of a square grid's cells over a region, row by row from the top: [side * side, 2]. */
export function gridOf({ centre, halfWidth }: PlotRegion, side: number): Float32Array {
  const grid = new Float32Array(side * side * 2);
  const place = (cell: number) => ((cell + 0.5) / side - 0.5) * 2 * halfWidth;
  for (let i = 0; i < side * side; i += 1) {
    grid[2 * i] = centre[0] + place(i % side);
    grid[2 * i + 1] = centre[1] - place(Math.floor(i / side));
  }
  return grid;
}

/** How far the four coarser grids may lie apart, as a share of their mean. */
const tolerance = 0.02;

/**
 * The share of a density's mass in a region, by the midpoint rule; nothing where the grid is too coarse for it. A
 * density sharper than the cells makes the sum anything, above 1 as well as below. Every second cell of every second
 * row is a grid, too, of which there are four: where even they agree, the whole grid, twice as fine, is right, since
 * the rule's error falls faster than any power of the spacing for densities that are smooth at its scale.
 * @param logDensity nats at the centres of a grid of an even number of cells a side, as `gridOf` lays them
 */
export function massInSight(logDensity: ArrayLike<number>, { halfWidth }: PlotRegion): number | undefined {
  const side = Math.sqrt(logDensity.length);
  const coarse = [0, 0, 0, 0];
  for (let i = 0; i < logDensity.length; i += 1) {
    const which = (Math.floor(i / side) % 2) * 2 + ((i % side) % 2);
    coarse[which] = coarse[which]! + Math.exp(logDensity[i]!);
  }
  const sum = coarse.reduce((a, b) => a + b, 0);
  const spread = (4 * (Math.max(...coarse) - Math.min(...coarse))) / sum;
  return spread <= tolerance ? sum * ((2 * halfWidth) / side) ** 2 : undefined;
}
