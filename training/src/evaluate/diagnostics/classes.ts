import { agreement } from '../classifier.ts';
import { type Finding, type Outcome, percent, type Skipped, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { classShares, divergence, entropy, mean } from '../statistics.ts';

/** A class with less than this part of its share in the data counts as dropped. */
const droppedBelow = 0.1;
/** Agreement of asked and seen classes below which a conditional model is faulted. */
const agreementWanted = 0.9;
/** Confidence, relative to that on real examples, below which samples count as unclear. */
const confidenceWanted = 0.9;
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
  const real = await evaluation.real();
  const shares = classShares(seen.labels, classNames.length);
  const realShares = classShares(real.labels!, classNames.length);
  const confidence = mean(confidences(seen.probabilities.values, classNames.length));
  const realSeen = await evaluation.classified('real');
  const realConfidence = mean(confidences(realSeen.probabilities.values, classNames.length));
  const dropped = classNames.filter((_, k) => shares[k]! < droppedBelow * realShares[k]!);
  const agreed = asked === null ? null : agreement(seen.labels, asked);
  return {
    finding: findingOf({
      dropped,
      agreed,
      confidence,
      realConfidence,
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
      meanConfidenceOnData: realConfidence,
      shares: Object.fromEntries(classNames.map((name, k) => [name, shares[k]!])),
      dropped,
      ...(agreed === null
        ? {}
        : { agreementWithLabels: agreed, agreementByClass: byClass(seen.labels, asked!, classNames) }),
    },
    notes: ['Confidence is the mean over samples of the largest class probability.'],
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
  realConfidence: number;
  entropy: number;
  accuracy: number;
}): Finding {
  const { dropped, agreed, confidence, accuracy } = found;
  const agreement = agreed === null ? '' : `, the class asked for in ${percent(agreed)}`;
  const seen = `class entropy ${short(found.entropy)} nats, mean confidence ${percent(confidence)}${agreement}`;
  const rough =
    accuracy < accuracyWanted ? ` (a rough judge: right in ${percent(accuracy)} of held-out examples)` : '';
  if (dropped.length > 0) {
    return { verdict: 'problem', text: `Classes are dropped: ${dropped.join(', ')}; ${seen}${rough}.` };
  }
  if (agreed !== null && agreed < agreementWanted) {
    return {
      verdict: 'warning',
      text: `Samples often are of another class than was asked for: ${seen}${rough}.`,
    };
  }
  if (confidence < confidenceWanted * found.realConfidence) {
    return {
      verdict: 'warning',
      text: `All classes are present, but many samples are of no clear class: ${seen}, on real examples ${percent(found.realConfidence)}${rough}.`,
    };
  }
  return { verdict: rough === '' ? 'ok' : 'warning', text: `All classes are present: ${seen}${rough}.` };
}
