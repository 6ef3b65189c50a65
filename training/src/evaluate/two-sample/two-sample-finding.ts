import { type Figures, type Finding, type Outcome, percent, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { head, type Rows, rowsOf } from '../rows.ts';
import { normalTail } from '../statistics.ts';
import { type C2stResult, c2st, nearestNeighbourTest } from './c2st.ts';
import { mmd } from './mmd.ts';

/** Chance that a test calls two sides of one distribution different. */
const level = 0.0025;
/** P-value of training examples against those set apart up to which their difference is allowed for. */
const allowance = 0.05;
/** Steps of the network where classifiers are asked to be quick. */
const quickSteps = 200;
/** Accuracy from which samples count as told apart easily. */
const easily = 0.9;

/**
 * Classifier two-sample test: by a network, and by nearest neighbours for points. Where it tells samples apart, the
 * same test is made of real examples of the other kind: training data and examples set apart need not be of quite one
 * distribution.
 */
export async function classifierTest(evaluation: Evaluation): Promise<Outcome> {
  const { spec } = evaluation;
  const { samples, real } = await evaluation.rows();
  const tests = spec.kind === 'points' ? 2 : 1;
  const found = await bothTests(evaluation, real, samples);
  const best = strongest(found);
  // With two tests the smaller p-value counts twice (Bonferroni).
  const differs = best.pValue * tests <= level;
  const other = differs ? await otherRows(evaluation) : null;
  const baseline =
    other === null ? null : strongest(await bothTests(evaluation, head(real, other.count), other));
  return {
    finding: toldApart(best, differs, baseline),
    figures: {
      ...figuresOf(found[0]!),
      ...(found[1] === undefined ? {} : { nearestNeighbours: figuresOf(found[1]) }),
      ...(baseline === null ? {} : { trainingAgainstSetApart: figuresOf(baseline) }),
      examplesPerSide: real.count,
    },
    notes: ['50 % is chance: samples and real examples cannot be told apart. 100 % is a perfect detector.'],
  };
}

async function bothTests(
  { compiled, seed, spec, request }: Evaluation,
  real: Rows,
  samples: Rows,
): Promise<readonly C2stResult[]> {
  const steps = request.effort === 'quick' ? { steps: quickSteps } : {};
  const network = await c2st(compiled, spec, real, samples, { seed, ...steps });
  if (spec.kind !== 'points') return [network];
  return [network, await nearestNeighbourTest(compiled, real, samples, { seed })];
}

function strongest(found: readonly C2stResult[]): C2stResult {
  return found.reduce((top, result) => (result.accuracy > top.accuracy ? result : top));
}

/** Real examples of the other kind, as many as there are pairs at most. */
async function otherRows(evaluation: Evaluation): Promise<Rows> {
  return head(rowsOf((await evaluation.otherPool()).data), evaluation.pairs);
}

function toldApart(
  { accuracy, interval, heldOut }: C2stResult,
  differs: boolean,
  baseline: C2stResult | null,
): Finding {
  const right = `right in ${percent(accuracy)} of cases (95 % interval ${percent(interval[0])} to ${percent(interval[1])})`;
  if (!differs || baseline === null)
    return { verdict: 'ok', text: `A classifier cannot tell samples from real examples: ${right}.` };
  const real = `training examples from those set apart in ${percent(baseline.accuracy)}`;
  if (!isHigher(accuracy, heldOut, baseline)) {
    return {
      verdict: 'ok',
      text: `A classifier tells samples from real examples no better than ${real}: ${right}.`,
    };
  }
  if (accuracy < easily)
    return {
      verdict: 'warning',
      text: `A classifier tells samples from real examples: ${right}, ${real}.`,
    };
  return {
    verdict: 'problem',
    text: `Samples are told apart easily from real examples: a classifier is ${right}, ${real}.`,
  };
}

/**
 * Is an accuracy on `count` examples, known to be above chance, higher than that of another test? Where that one is at
 * chance itself, nothing is to be made allowance for.
 */
function isHigher(accuracy: number, count: number, other: C2stResult): boolean {
  if (other.pValue > allowance) return true;
  const pooled = (accuracy * count + other.accuracy * other.heldOut) / (count + other.heldOut);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / count + 1 / other.heldOut));
  return deviation > 0 && normalTail((accuracy - other.accuracy) / deviation) <= level;
}

function figuresOf({ accuracy, interval, pValue, heldOut }: C2stResult): Figures {
  return { accuracy, interval: [...interval], pValue, heldOut };
}

/** Examples a side that the kernel matrix is built on. */
const mmdExamples = 4000;

/** Deviations of the permuted statistic by which samples must differ more than training examples do (one-sided level). */
const beyond = 2.8;

/** Maximum mean discrepancy with a permutation p-value. */
export async function discrepancyTest(evaluation: Evaluation): Promise<Outcome> {
  const { compiled, seed } = evaluation;
  const rows = await evaluation.rows();
  const count = Math.min(mmdExamples, rows.real.count);
  const real = head(rows.real, count);
  const result = await mmd(compiled, real, head(rows.samples, count), { seed });
  const text = `MMD^2 is ${short(result.squared)} (p = ${short(result.pValue)})`;
  if (result.pValue > level) {
    return {
      finding: {
        verdict: 'ok',
        text: `No difference of distributions is seen by a Gaussian kernel: ${text}.`,
      },
      figures: { ...result },
    };
  }
  const other = head(await otherRows(evaluation), count);
  const baseline = await mmd(compiled, head(real, other.count), other, { seed });
  const differs =
    baseline.pValue > allowance ||
    result.squared - baseline.squared > beyond * Math.hypot(result.deviation, baseline.deviation);
  const against = `training examples against those set apart have ${short(baseline.squared)}`;
  return {
    finding: differs
      ? {
          verdict: 'warning',
          text: `The distributions of samples and real examples differ: ${text}; ${against}.`,
        }
      : {
          verdict: 'ok',
          text: `Samples differ from real examples no more than real ones may: ${text}; ${against}.`,
        },
    figures: { ...result, trainingAgainstSetApart: { ...baseline } },
  };
}
