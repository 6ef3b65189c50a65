import { pointLawOf } from '../../data/index.ts';
import { type Figures, finite, type Outcome, percent, type Skipped, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { type DensityDivergence, densityDivergence, histogramDivergence } from '../plane-divergence.ts';

/** KL and Jensen-Shannon divergence of points in the plane: by histograms, and by densities where both are known. */
export async function divergences(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const { spec, pairs } = evaluation;
  if (spec.kind !== 'points' || spec.shape[0] !== 2) return { skipped: 'it needs points in the plane' };
  const { samples, real } = await evaluation.rows();
  const other = (await evaluation.otherReal()).data.data;
  const found = histogramDivergence(real.values, samples.values);
  const baseline = histogramDivergence(real.values, other);
  const densities = await byDensity(evaluation);
  const excess = found.js - baseline.js;
  const text = `Jensen-Shannon divergence ${short(found.js)} nats by histograms, ${short(baseline.js)} for real against real`;
  const inExact =
    densities === null ? '' : `; KL(data || model) ${short(densities.forward)} nats by densities`;
  return {
    finding: {
      verdict: excess < 0.02 ? 'ok' : excess < 0.2 ? 'warning' : 'problem',
      text: `${text}${inExact}.`,
    },
    figures: {
      histogram: { ...found },
      realAgainstReal: { kl: baseline.kl, js: baseline.js },
      ...(densities === null ? {} : { densities: figuresOf(densities) }),
      examplesPerSide: pairs,
    },
    notes:
      densities !== null && densities.outside > 0
        ? [
            `${percent(densities.outside)} of samples lie where the data has no density: KL(model || data) is infinite.`,
          ]
        : [],
  };
}

async function byDensity(evaluation: Evaluation): Promise<DensityDivergence | null> {
  const { source, train } = evaluation.request;
  const density = pointLawOf(train.name)?.logDensity;
  // A density given a class is not the density of the mixture that samples are drawn from.
  if (density === undefined || source.logDensity === undefined) return null;
  const samples = await evaluation.samples();
  if (samples.labels !== null) return null;
  const real = (await evaluation.real()).data;
  return densityDivergence(
    { data: density(real.data), model: await source.logDensity(real, null) },
    { data: density(samples.data.data), model: await source.logDensity(samples.data, null) },
  );
}

function figuresOf(result: DensityDivergence): Figures {
  return Object.fromEntries(Object.entries(result).map(([name, value]) => [name, finite(value)]));
}
