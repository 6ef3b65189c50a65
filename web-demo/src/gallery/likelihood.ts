/** Measures in nats that a run may have taken on data it was not trained on, best first: what they are called. */
const measures: readonly (readonly [RegExp, string])[] = [
  [/(^|\/)(logProb|logLikelihood)$/, 'nats'],
  [/(^|\/)(elbo|bound|logWeight)$/, 'nats (lower bound)'],
  [/(^|\/)bitsPerDim(ension)?$/, 'bits a dimension'],
  [/(^|\/)parzen$/i, 'nats (Parzen window)'],
  [/(^|\/)fid$/i, 'FID'],
];

/**
 * The likelihood that a bundle's provenance states, as a line; nothing when it states none. Only measures on other
 * data than the training data count: their names say `heldOut` or `test`.
 */
export function likelihoodOf(metrics: Readonly<Record<string, number>>): string | undefined {
  const measured = Object.entries(metrics).filter(([name]) => /^(heldOut|test|validation)\//.test(name));
  for (const [pattern, unit] of measures) {
    const found = measured.find(([name]) => pattern.test(name));
    if (found) return `${found[1].toFixed(2).replace('-', '−')} ${unit}`;
  }
  return undefined;
}
