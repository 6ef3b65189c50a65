import { classifierScore } from '../classifier-score.ts';
import type { Outcome, Skipped } from '../diagnostic.ts';
import { percent, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { frechetDistance, momentsOf } from '../frechet.ts';
import { precisionRecall } from '../precision-recall.ts';
import { head, type Rows, rowsOf } from '../rows.ts';

const notComparable =
  'Taken on features of a classifier that this project trained on the same data set: not comparable with Inception FID or Inception Score, comparable between models of one data set and one classifier.';

/** Fréchet distance on the features of the data set's own classifier. */
export async function frechet(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const refusal = evaluation.classifierRefusal;
  if (refusal !== null) return { skipped: refusal };
  const { pairs } = evaluation;
  const [samples, real, other] = await Promise.all(
    (['samples', 'real', 'otherReal'] as const).map(async (which) =>
      head((await evaluation.classified(which)).features, pairs),
    ),
  );
  const moments = momentsOf(real!);
  const distance = frechetDistance(moments, momentsOf(samples!));
  const baseline = frechetDistance(moments, momentsOf(other!));
  const ratio = distance / baseline;
  return {
    finding: {
      verdict: ratio < 3 ? 'ok' : ratio < 100 ? 'warning' : 'problem',
      text: `Fréchet distance ${short(distance)} on this data set's classifier, ${short(baseline)} for real against real.`,
    },
    figures: {
      frechetDistance: distance,
      realAgainstReal: baseline,
      features: real!.width,
      classifier: (await evaluation.classifier()).hash.slice(0, 16),
      examplesPerSide: pairs,
    },
    notes: [notComparable],
  };
}

/** Inception-style score by the data set's own classifier. */
export async function score(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const refusal = evaluation.classifierRefusal;
  if (refusal !== null) return { skipped: refusal };
  const samples = classifierScore((await evaluation.classified('samples')).probabilities);
  const real = classifierScore((await evaluation.classified('real')).probabilities);
  const share = (samples.score - 1) / (real.score - 1);
  return {
    finding: {
      verdict: share > 0.9 ? 'ok' : share > 0.5 ? 'warning' : 'problem',
      text: `Classifier score ${short(samples.score)} of at most ${evaluation.request.train.classNames.length}; real examples have ${short(real.score)}.`,
    },
    figures: { score: samples.score, standardDeviation: samples.standardDeviation, scoreOfData: real.score },
    notes: [notComparable],
  };
}

/** Examples a side of the manifolds. */
const manifoldExamples = 5000;

/** Precision and recall of the manifolds, on features where there are some, else on values. */
export async function manifolds(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const onFeatures = evaluation.classifierRefusal === null;
  const sides = async (which: 'samples' | 'real' | 'otherReal'): Promise<Rows> => {
    const rows = onFeatures
      ? (await evaluation.classified(which)).features
      : rowsOf((await evaluation[which]()).data);
    return head(rows, Math.min(evaluation.pairs, manifoldExamples));
  };
  const [samples, real, other] = [await sides('samples'), await sides('real'), await sides('otherReal')];
  if (real.count < 5 || other.count < 5) return { skipped: 'it needs at least 5 examples of either side' };
  const found = await precisionRecall(evaluation.compiled, real, samples);
  const baseline = await precisionRecall(evaluation.compiled, real, other);
  const [low, few] = [found.precision < 0.7 * baseline.precision, found.recall < 0.7 * baseline.recall];
  const figures = `precision ${percent(found.precision)}, recall ${percent(found.recall)} (real against real: ${percent(baseline.precision)} and ${percent(baseline.recall)})`;
  const poor = Math.min(found.precision / baseline.precision, found.recall / baseline.recall) < 0.3;
  const what =
    low && few
      ? 'Many samples look like no real example, and many real examples like no sample'
      : low
        ? 'Many samples look like no real example'
        : few
          ? 'Variety is missing: many real examples look like no sample'
          : 'Samples cover the real examples and stay among them';
  return {
    finding: { verdict: poor ? 'problem' : low || few ? 'warning' : 'ok', text: `${what}: ${figures}.` },
    figures: {
      ...found,
      realAgainstReal: { ...baseline },
      neighbours: 3,
      space: onFeatures ? 'classifier features' : 'values',
      examplesPerSide: real.count,
    },
    notes: onFeatures ? [notComparable] : [],
  };
}
