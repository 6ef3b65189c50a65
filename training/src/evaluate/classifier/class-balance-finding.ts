import { type Finding, type Outcome, percent, type Skipped, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { RealRange, realSplits } from '../real-splits.ts';
import { binomialLowerTail, classShares, divergence, entropy, mean } from '../statistics.ts';
import { agreement } from './classifier.ts';

/** A class with less than this part of its share in the data counts as dropped. */
const droppedBelow = 0.1;
/** Chance that a class of its full share comes as rarely, below which it counts as dropped. */
const level = 0.0025;
/** Test accuracy below which the classifier's figures are called rough. */
const accuracyWanted = 0.9;

/** Which classes samples are of, by the classifier of the data set, and whether it is what was asked for. */
export async function classBalance(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const refusal = evaluation.classifierRefusal;
  if (refusal !== null) return { skipped: refusal };
  const { classNames } = evaluation.request.train;
  const classifier = await evaluation.classifier();
  const { labels: asked } = await evaluation.samples();
  const seen = await evaluation.classified('samples');
  const { count } = evaluation.request;
  const classes = classNames.length;
  const side = evaluation.half;
  if (side < 20) return { skipped: 'it needs at least 40 real examples that no model was trained on' };
  const shares = classShares(seen.labels, classes);
  const [pool, other] = [await evaluation.classified('pool'), await evaluation.classified('otherPool')];
  const trueLabels = [(await evaluation.pool()).labels!, (await evaluation.otherPool()).labels!];
  const realShares = classShares(trueLabels[0]!, classes);
  // What the classifier says of as many real examples, over random choices of them.
  const realConfidences = [pool, other].flatMap(({ probabilities }) => [
    ...confidences(probabilities.values, classes),
  ]);
  const realHits = [pool, other].flatMap(({ labels }, which) =>
    Array.from(labels, (label, i) => (label === trueLabels[which]![i] ? 1 : 0)),
  );
  const splits = [...realSplits({ pool: pool.labels.length, other: other.labels.length, size: side })];
  const meanOver = (values: readonly number[]) =>
    new RealRange(
      splits.map(({ second }) => second.reduce((sum, index) => sum + values[index]!, 0) / second.length),
    );
  const realConfidence = meanOver(realConfidences);
  const realAgreement = meanOver(realHits);
  const confidence = mean(confidences(seen.probabilities.values, classes).subarray(0, side));
  const dropped = classNames.filter(
    (_, k) =>
      shares[k]! < droppedBelow * realShares[k]! &&
      binomialLowerTail(Math.round(shares[k]! * count), count, realShares[k]!) < level / classes,
  );
  const agreed = asked === null ? null : agreement(seen.labels.subarray(0, side), asked.subarray(0, side));
  return {
    finding: findingOf({
      dropped,
      agreed,
      confidence,
      realConfidence,
      realAgreement,
      entropy: entropy(shares),
      accuracy: classifier.testAccuracy,
    }),
    figures: {
      classifierTestAccuracy: classifier.testAccuracy,
      entropy: entropy(shares),
      largestEntropy: Math.log(classNames.length),
      entropyOfData: entropy(realShares),
      divergenceToData: divergence(shares, realShares),
      meanConfidence: confidence,
      meanConfidenceOnData: realConfidence.figures,
      shares: Object.fromEntries(classNames.map((name, k) => [name, shares[k]!])),
      dropped,
      ...(agreed === null
        ? {}
        : {
            agreementWithLabels: agreed,
            agreementOfData: realAgreement.figures,
            agreementByClass: byClass(seen.labels, asked!, classNames),
          }),
    },
    notes: [
      `Confidence is the mean over ${side} samples of the largest class probability; real examples are judged in random choices of as many.`,
    ],
    bars: [
      {
        title: 'Share of each class',
        labels: classNames,
        series: [
          { name: 'samples', values: [...shares] },
          { name: 'data', values: [...realShares] },
        ],
      },
    ],
  };
}

function confidences(probabilities: Float32Array, classes: number): Float64Array {
  return Float64Array.from({ length: probabilities.length / classes }, (_, i) =>
    probabilities.subarray(i * classes, (i + 1) * classes).reduce((top, value) => Math.max(top, value), 0),
  );
}

function byClass(
  seen: Int32Array,
  asked: Int32Array,
  names: readonly string[],
): Record<string, number | null> {
  return Object.fromEntries(
    names.map((name, k) => {
      const own = seen.filter((_, i) => asked[i] === k);
      return [name, own.length === 0 ? null : agreement(own, new Int32Array(own.length).fill(k))];
    }),
  );
}

function findingOf(found: {
  dropped: readonly string[];
  agreed: number | null;
  confidence: number;
  realConfidence: RealRange;
  realAgreement: RealRange;
  entropy: number;
  accuracy: number;
}): Finding {
  const { dropped, agreed, confidence, accuracy, realConfidence, realAgreement } = found;
  const agreement =
    agreed === null
      ? ''
      : `, the class asked for in ${percent(agreed)} (real examples: ${percent(realAgreement.low)} to ${percent(realAgreement.high)})`;
  const seen = `class entropy ${short(found.entropy)} nats, mean confidence ${percent(confidence)} (real examples: ${percent(realConfidence.low)} to ${percent(realConfidence.high)})${agreement}`;
  const rough =
    accuracy < accuracyWanted ? `; a rough judge, right in ${percent(accuracy)} of test examples` : '';
  if (dropped.length > 0) {
    return { verdict: 'problem', text: `Classes are dropped: ${dropped.join(', ')}; ${seen}${rough}.` };
  }
  if (agreed !== null && realAgreement.isBelow(agreed)) {
    return {
      verdict: 'warning',
      text: `Samples are of another class than was asked for more often than real examples seem to be: ${seen}${rough}.`,
    };
  }
  if (realConfidence.isBelow(confidence)) {
    return {
      verdict: 'warning',
      text: `All classes are present, but more samples than real examples are of no clear class: ${seen}${rough}.`,
    };
  }
  return { verdict: 'ok', text: `All classes are present: ${seen}${rough}.` };
}
