import { pointDistributionOf } from '../../data/index.ts';
import { type Figures, finite, type Outcome, percent, type Skipped, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { RealRange, realSplits } from '../real-splits.ts';
import { head, pick, rowsOf, stack } from '../rows.ts';
import { type DensityDivergence, densityDivergence, histogramDivergence } from './plane-divergence.ts';

/**
 * Jensen-Shannon divergence beyond that of real examples, nats, from which the distributions differ grossly (log 2 is
 * the most).
 */
const gross = 0.2;

/** KL and Jensen-Shannon divergence of points in the plane: by histograms, and by densities where both are known. */
export async function divergences(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const { spec, half } = evaluation;
  if (spec.kind !== 'points' || spec.shape[0] !== 2) return { skipped: 'it needs points in the plane' };
  if (half < 20) return { skipped: 'it needs at least 40 real examples that no model was trained on' };
  const pool = rowsOf((await evaluation.pool()).data);
  const all = stack(pool, rowsOf((await evaluation.otherPool()).data));
  const samples = head(rowsOf((await evaluation.samples()).data), half);
  const found = histogramDivergence(head(pool, half).values, samples.values);
  const splits = [...realSplits({ pool: pool.count, other: all.count - pool.count, size: half })];
  const range = new RealRange(
    splits.map(
      ({ first, second }) => histogramDivergence(pick(all, first).values, pick(all, second).values).js,
    ),
  );
  const densities = await byDensity(evaluation);
  const text = `Jensen-Shannon divergence ${short(found.js)} nats by histograms, ${range.describe(short)}`;
  const inExact =
    densities === null ? '' : `; KL(data || model) ${short(densities.forward)} nats by densities`;
  return {
    finding: {
      verdict: !range.isAbove(found.js) ? 'ok' : found.js - range.median < gross ? 'warning' : 'problem',
      text: `${text}${inExact}.`,
    },
    figures: {
      histogram: { ...found },
      realAgainstReal: range.figures,
      ...(densities === null ? {} : { densities: figuresOf(densities) }),
      examplesPerSide: half,
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
  const density = pointDistributionOf(train.name)?.logDensity;
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
