import { type RandomStream, randomStream } from '@generatrix/runtime/core';
import { byteDataset, checkIndices, type Dataset, type Split } from './dataset.ts';
import { drawFactors, drawGlyph, type GlyphFactors, glyphSide } from './glyph-render.ts';

/** Pixels left off on each side before a glyph is averaged down, so that 24 = 3 x 8 remain. */
const margin = 2;
const smallSide = 8;

/** Factors of a glyph that are quantities, those that show most first. */
const quantities = ['slant', 'thickness', 'scale', 'aspect', 'rotation'] as const;

/** A data set of drawn digits: every example's generating factors are known. */
export interface GlyphDataset extends Dataset {
  /** The factors that the example was drawn from. */
  factors(index: number): GlyphFactors;
}

export interface GlyphOptions {
  readonly split: Split;
  /** 0 when absent. */
  readonly seed?: number;
  /** Number of examples; 20,000 to train, 2,000 to validate and to test when absent. */
  readonly size?: number;
}

/** Examples drawn when none are asked for, by split. */
export const drawnSize = { train: 20_000, validation: 2_000, test: 2_000 } as const;

/**
 * Hand-written-looking digits, 28x28x1 in [0, 1] (0 is paper, 1 is ink), drawn from pen strokes under a random
 * slant, thickness, scale, place and unsteadiness. An example depends on its seed, split and index alone.
 * Glyphs are rendered when first gathered and kept as bytes.
 */
export function glyphs(options: GlyphOptions): GlyphDataset {
  return drawnDigits('glyphs', glyphSide, options, (random, ink) => {
    drawGlyph(random, ink);
  });
}

/**
 * The same digits at 8x8x1 in [0, 1]: the glyph's central 24x24 pixels, averaged in blocks of 3x3. The two
 * outermost rows and columns, which are nearly always paper, are left off.
 */
export function digits8(options: GlyphOptions): GlyphDataset {
  const full = new Uint8Array(glyphSide * glyphSide);
  return drawnDigits('digits8', smallSide, options, (random, ink) => {
    drawGlyph(random, full);
    averageBlocks(full, ink);
  });
}

function drawnDigits(
  name: string,
  side: number,
  { split, seed = 0, size = drawnSize[split] }: GlyphOptions,
  draw: (random: RandomStream, ink: Uint8Array) => void,
): GlyphDataset {
  const area = side * side;
  const pixels = new Uint8Array(size * area);
  const drawn = new Uint8Array(size);
  const stream = (index: number): RandomStream => randomStream(seed, `glyphs/${split}`, index);
  const labels = Int32Array.from({ length: size }, (_, index) => drawFactors(stream(index)).digit);
  const held = byteDataset(
    {
      name,
      split,
      spec: { kind: 'image', shape: [side, side, 1], range: [0, 1] },
      size,
      labels,
      classNames: Array.from({ length: 10 }, (_, digit) => String(digit)),
    },
    pixels,
  );
  const factors = (index: number): GlyphFactors => {
    checkIndices(name, [index], size);
    return drawFactors(stream(index));
  };
  return {
    ...held,
    async gather(indices) {
      checkIndices(name, indices, size);
      for (let row = 0; row < indices.length; row++) {
        const index = indices[row]!;
        if (drawn[index]) continue;
        draw(stream(index), pixels.subarray(index * area, (index + 1) * area));
        drawn[index] = 1;
      }
      return held.gather(indices);
    },
    factors,
    drawnFrom: [
      { name: 'digit', classes: 10, of: (index) => factors(index).digit },
      ...quantities.map((quantity) => ({ name: quantity, of: (index: number) => factors(index)[quantity] })),
    ],
  };
}

/** Mean of each 3x3 block of the central 24x24 pixels. */
export function averageBlocks(full: Uint8Array, small: Uint8Array): void {
  const block = (glyphSide - 2 * margin) / smallSide;
  for (let y = 0; y < smallSide; y++) {
    for (let x = 0; x < smallSide; x++) {
      let sum = 0;
      for (let dy = 0; dy < block; dy++) {
        const row = (margin + y * block + dy) * glyphSide + margin + x * block;
        for (let dx = 0; dx < block; dx++) sum += full[row + dx]!;
      }
      small[y * smallSide + x] = Math.round(sum / (block * block));
    }
  }
}
