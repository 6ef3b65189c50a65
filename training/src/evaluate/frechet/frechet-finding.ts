import { makeFolder } from '../../files/atomic.ts';
import { type Finding, type Outcome, percent, type Skipped, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { RealRange, realSplits } from '../real-splits.ts';
import { head, pick, type Rows, rowsOf, stack } from '../rows.ts';
import { median } from '../statistics.ts';
import { classifierScore, scoreOfSubset } from './classifier-score.ts';
import { frechetDistance, momentsOf } from './frechet.ts';
import { precisionRecall } from './precision-recall.ts';
import { frechetSide, realFrechetDistances } from './real-frechet.ts';
import { realManifolds } from './real-manifolds.ts';

const notComparable =
  'Taken on features of a classifier that this project trained on the same data set: not comparable with Inception FID or Inception Score, comparable between models of one data set and one classifier.';

const fewExamples = 'it needs at least 40 real examples that no model was trained on';

/** Fréchet distance on the features of the data set's own classifier. */
export async function frechet(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const refusal = evaluation.classifierRefusal;
  if (refusal !== null) return { skipped: refusal };
  const side = frechetSide(evaluation.half);
  if (side === 0) return { skipped: fewExamples };
  const { cacheFolder } = evaluation.request;
  const samples = head((await evaluation.classified('samples')).features, side);
  const pool = (await evaluation.classified('pool')).features;
  const other = (await evaluation.classified('otherPool')).features;
  const real = head(pool, side);
  const distance = frechetDistance(momentsOf(real), momentsOf(samples));
  await makeFolder(cacheFolder);
  const range = new RealRange(await realFrechetDistances(pool, other, side, cacheFolder));
  const withoutClass = await distanceWithoutClass(evaluation, pool, side);
  // Gross: beyond the range by more than the lack of a class adds to the typical distance.
  const gross = range.high + Math.max(0, withoutClass - range.median);
  const verdict: Finding['verdict'] = range.isAbove(distance)
    ? distance > gross
      ? 'problem'
      : 'warning'
    : 'ok';
  return {
    finding: {
      verdict,
      text: `Fréchet distance ${short(distance)} on this data set's classifier, ${range.describe(short)}; real examples without one of their classes have ${short(withoutClass)}.`,
    },
    figures: {
      frechetDistance: distance,
      realAgainstReal: range.figures,
      realWithoutOneClass: withoutClass,
      features: real.width,
      classifier: (await evaluation.classifier()).hash.slice(0, 16),
      examplesPerSide: side,
    },
    notes: [notComparable],
  };
}

/** What the distance is when the other side is real but lacks a class: the median over classes. */
async function distanceWithoutClass(evaluation: Evaluation, pool: Rows, side: number): Promise<number> {
  const { labels } = await evaluation.pool();
  const moments = momentsOf(head(pool, side));
  const distances = evaluation.request.train.classNames.map((_, missing) => {
    const kept: number[] = [];
    for (let i = side; i < 2 * side; i++) if (labels![i] !== missing) kept.push(i);
    return kept.length < 2 ? Number.POSITIVE_INFINITY : frechetDistance(moments, momentsOf(pick(pool, kept)));
  });
  return median(distances);
}

/** Share of the largest score from which samples fall short of real examples grossly. */
const poorScore = 0.5;

/** Inception-style score by the data set's own classifier. */
export async function score(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const refusal = evaluation.classifierRefusal;
  if (refusal !== null) return { skipped: refusal };
  const side = evaluation.half;
  if (side < 20) return { skipped: fewExamples };
  const samples = classifierScore(head((await evaluation.classified('samples')).probabilities, side));
  const pool = (await evaluation.classified('pool')).probabilities;
  const other = (await evaluation.classified('otherPool')).probabilities;
  const all = stack(pool, other);
  const scores = [...realSplits({ pool: pool.count, other: other.count, size: side })].map(({ second }) =>
    scoreOfSubset(all, second),
  );
  const range = new RealRange(scores);
  const share = (samples.score - 1) / (range.median - 1);
  return {
    finding: {
      verdict: !range.isBelow(samples.score) ? 'ok' : share > poorScore ? 'warning' : 'problem',
      text: `Classifier score ${short(samples.score)} of at most ${evaluation.request.train.classNames.length}; real examples have ${short(range.low)} to ${short(range.high)}.`,
    },
    figures: {
      score: samples.score,
      standardDeviation: samples.standardDeviation,
      scoreOfData: range.figures,
      examples: side,
    },
    notes: [notComparable],
  };
}

/** Examples a side of the manifolds, at most. */
const manifoldExamples = 2500;
/** Precision or recall, relative to that of real examples, below which the fault is gross. */
const poorManifold = 0.3;

/** Precision and recall of the manifolds, on features where there are some, else on values. */
export async function manifolds(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const onFeatures = evaluation.classifierRefusal === null;
  const side = Math.min(evaluation.half, manifoldExamples);
  if (side < 20) return { skipped: fewExamples };
  const rows = async (which: 'samples' | 'pool' | 'otherPool', count: number): Promise<Rows> =>
    head(
      onFeatures ? (await evaluation.classified(which)).features : rowsOf((await evaluation[which]()).data),
      count,
    );
  const [pool, other] = [await rows('pool', 2 * side), await rows('otherPool', 2 * side)];
  const found = await precisionRecall(evaluation.compiled, head(pool, side), await rows('samples', side));
  const splits = await realManifolds(evaluation.compiled, pool, other, { side });
  const precision = new RealRange(splits.map((split) => split.precision));
  const recall = new RealRange(splits.map((split) => split.recall));
  const [low, few] = [precision.isBelow(found.precision), recall.isBelow(found.recall)];
  const figures = `precision ${percent(found.precision)}, recall ${percent(found.recall)} (real against real: ${percent(precision.low)} to ${percent(precision.high)} and ${percent(recall.low)} to ${percent(recall.high)})`;
  const poor = Math.min(found.precision / precision.median, found.recall / recall.median) < poorManifold;
  const what =
    low && few
      ? 'More samples than usual look like no real example, and more real examples like no sample'
      : low
        ? 'More samples than usual look like no real example'
        : few
          ? 'Variety is missing: more real examples than usual look like no sample'
          : 'Samples cover the real examples and stay among them';
  return {
    finding: {
      verdict: !(low || few) ? 'ok' : poor ? 'problem' : 'warning',
      text: `${what}: ${figures}.`,
    },
    figures: {
      ...found,
      realAgainstReal: { precision: precision.figures, recall: recall.figures },
      neighbours: 3,
      space: onFeatures ? 'classifier features' : 'values',
      examplesPerSide: side,
    },
    notes: onFeatures ? [notComparable] : [],
  };
}
