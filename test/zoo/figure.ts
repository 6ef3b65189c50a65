import type { Manifest } from '@generatrix/runtime';
import { z } from 'zod';
import type { Figure } from './record.ts';

/** Measures of a run on validation data, best first, and their units. */
const likelihoods: readonly (readonly [RegExp, string])[] = [
  [/\/(logProb|logLikelihood)$/, 'nats'],
  [/\/(elbo|bound|logWeight)$/, 'nats (lower bound)'],
];

const evaluations = {
  fid: z.object({ diagnostics: z.object({ fid: z.object({ frechetDistance: z.number() }) }) }),
  c2st: z.object({
    diagnostics: z.object({
      c2st: z.object({
        accuracy: z.number(),
        nearestNeighbours: z.optional(z.object({ accuracy: z.number() })),
      }),
    }),
  }),
  modes: z.object({
    diagnostics: z.object({
      modes: z.object({ modes: z.number(), hit: z.number(), highQuality: z.number() }),
    }),
  }),
};

/** The likelihood of validation examples that a manifest states; null when it states none. */
export function likelihoodOf(metrics: Readonly<Record<string, number>>): Figure | null {
  for (const [pattern, unit] of likelihoods) {
    for (const [name, value] of Object.entries(metrics)) {
      if (!name.startsWith('heldOut/') || !pattern.test(name)) continue;
      return { name: 'likelihood', value, text: `${value.toFixed(2)} ${unit}` };
    }
  }
  return null;
}

/**
 * What a model is judged by, measured.
 * @param evaluate runs `generatrix evaluate` with these metrics; resolves to its evaluation.json
 * @throws when the run measured no likelihood, or the evaluation left the diagnostic out.
 */
export async function measuredFigure(
  name: Figure['name'],
  manifest: Manifest,
  evaluate: (metrics: string) => Promise<unknown>,
): Promise<Figure> {
  if (name === 'none') return { name, value: null, text: 'draws no samples' };
  if (name === 'likelihood') {
    const found = likelihoodOf(manifest.provenance.metrics);
    if (found === null) throw new Error(`${manifest.name}: its run measured no likelihood`);
    return found;
  }
  const json = await evaluate(name);
  if (name === 'fid') {
    const { frechetDistance: value } = evaluations.fid.parse(json).diagnostics.fid;
    return { name, value, text: `Fréchet ${value.toPrecision(3)}` };
  }
  if (name === 'c2st') {
    const { accuracy, nearestNeighbours } = evaluations.c2st.parse(json).diagnostics.c2st;
    const value = Math.max(accuracy, nearestNeighbours?.accuracy ?? 0);
    return { name, value, text: `told apart ${(100 * value).toFixed(1)} %` };
  }
  const { modes, hit, highQuality: value } = evaluations.modes.parse(json).diagnostics.modes;
  return { name, value, text: `${hit} of ${modes} modes, ${(100 * value).toFixed(1)} % good` };
}
