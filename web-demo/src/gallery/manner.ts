import { canInterpolateSeeds, canStream, canWalk, drawsParts, type Manifest } from '@generatrix/runtime/core';

/** How a model comes to its samples, which is what its thumbnail shows. */
export type Manner = 'parts' | 'chain' | 'refinement' | 'code' | 'draw';

/**
 * Told from the programs: row by row, step by step of a Markov chain, out of noise step by step, from a code that can
 * be moved, or none of these.
 */
export function mannerOf(manifest: Manifest): Manner {
  const model = { manifest };
  if (drawsParts(model)) return 'parts';
  if (canWalk(model)) return 'chain';
  if (canStream(model)) return 'refinement';
  const moves = Object.hasOwn(manifest.programs, 'decode') || canInterpolateSeeds(model);
  return moves ? 'code' : 'draw';
}
