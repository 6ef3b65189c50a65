import { permutation, randomStream } from '@generatrix/runtime/core';

/** Which masks a MADE has. */
export interface MaskOptions {
  readonly dimensions: number;
  readonly hidden: readonly number[];
  readonly masks: number;
  readonly order: 'natural' | 'random';
  readonly maskSeed: number;
}

/** The ordering and the degrees of one mask (Germain et al. 2015, section 3.1 and 4). */
export interface MaskSet {
  /** [D] which dimension stands at each place of the ordering. */
  readonly order: Int32Array;
  /** [D] the place of each dimension, from 1: m^0. */
  readonly position: Float32Array;
  /** For each hidden layer, the degree of each unit, from 1 to D - 1: m^l. */
  readonly degrees: readonly Float32Array[];
}

/**
 * The masks' degrees, from the seed alone. Random orders are redrawn for each mask (order-agnostic training), and so
 * are the hidden units' degrees (connectivity-agnostic): uniform from the least degree of the layer before to D - 1
 * (section 4.2 and 4.3).
 */
export function drawMasks({ dimensions, hidden, masks, order, maskSeed }: MaskOptions): MaskSet[] {
  return Array.from({ length: masks }, (_, mask) => {
    const natural = Int32Array.from({ length: dimensions }, (_, i) => i);
    const places =
      order === 'natural' ? natural : Int32Array.from(permutation(maskSeed, `order/${mask}`, dimensions));
    const position = new Float32Array(dimensions);
    for (const [place, dimension] of places.entries()) position[dimension] = place + 1;
    let least = 1;
    const degrees = hidden.map((width, layer) => {
      const random = randomStream(maskSeed, `degrees/${layer}`, mask);
      const drawn = Float32Array.from({ length: width }, () => least + random.nextInt(dimensions - least));
      least = drawn.reduce((a, b) => Math.min(a, b));
      return drawn;
    });
    return { order: places, position, degrees };
  });
}

/** The hidden units of one layer grouped by degree, for every mask, as sampling visits them. */
export interface UnitGroups {
  /** Units in the largest group; smaller ones are filled up. */
  readonly size: number;
  /** [masks, D, size] unit of degree d + 1, or the layer's width where the group has no more. */
  readonly units: Int32Array;
}

/**
 * Groups a layer's units by their degree. A unit of degree d is known once the first d dimensions are, and nothing
 * before place d + 1 looks at it, so a sampler computes each unit exactly once.
 */
export function groupUnits(masks: readonly MaskSet[], layer: number, dimensions: number): UnitGroups {
  const grouped = masks.map(({ degrees }) => {
    const groups: number[][] = Array.from({ length: dimensions }, () => []);
    for (const [unit, degree] of degrees[layer]!.entries()) groups[degree - 1]!.push(unit);
    return groups;
  });
  const width = masks[0]!.degrees[layer]!.length;
  const size = Math.max(...grouped.flat().map((group) => group.length));
  const filled = grouped.flat().flatMap((group) => Array.from({ length: size }, (_, i) => group[i] ?? width));
  return { size, units: Int32Array.from(filled) };
}
