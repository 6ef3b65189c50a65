import { type C2stResult, c2st, nearestNeighbourTest } from '../c2st.ts';
import { type Figures, type Finding, type Outcome, percent, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { mmd } from '../mmd.ts';
import { head } from '../rows.ts';

/** Chance that a test calls two sides of one law different. */
const level = 0.01;
/** Accuracy from which samples count as told apart easily. */
const easily = 0.9;

/** Classifier two-sample test: by a network, and by nearest neighbours for points. */
export async function classifierTest(evaluation: Evaluation): Promise<Outcome> {
  const { compiled, seed, spec } = evaluation;
  const { samples, real } = await evaluation.rows();
  const network = await c2st(compiled, spec, real, samples, { seed });
  const neighbours =
    spec.kind === 'points' ? await nearestNeighbourTest(compiled, real, samples, { seed }) : null;
  const best = neighbours !== null && neighbours.accuracy > network.accuracy ? neighbours : network;
  return {
    finding: toldApart(best, neighbours === null ? 1 : 2),
    figures: {
      ...figuresOf(network),
      ...(neighbours === null ? {} : { nearestNeighbours: figuresOf(neighbours) }),
      examplesPerSide: real.count,
    },
    notes: ['50 % is chance: samples and real examples cannot be told apart. 100 % is a perfect detector.'],
  };
}

function toldApart({ accuracy, interval, pValue }: C2stResult, tests: number): Finding {
  const right = `right in ${percent(accuracy)} of cases (95 % interval ${percent(interval[0])} to ${percent(interval[1])})`;
  // With two tests the smaller p-value counts twice (Bonferroni).
  if (pValue * tests > level)
    return { verdict: 'ok', text: `A classifier cannot tell samples from real examples: ${right}.` };
  if (accuracy < easily)
    return { verdict: 'warning', text: `A classifier tells samples from real examples: ${right}.` };
  return {
    verdict: 'problem',
    text: `Samples are told apart easily from real examples: a classifier is ${right}.`,
  };
}

function figuresOf({ accuracy, interval, pValue, heldOut }: C2stResult): Figures {
  return { accuracy, interval: [...interval], pValue, heldOut };
}

/** Examples a side that the kernel matrix is built on. */
const mmdExamples = 4000;

/** Maximum mean discrepancy with a permutation p-value. */
export async function discrepancyTest(evaluation: Evaluation): Promise<Outcome> {
  const { compiled, seed } = evaluation;
  const { samples, real } = await evaluation.rows();
  const result = await mmd(compiled, head(real, mmdExamples), head(samples, mmdExamples), { seed });
  const text = `MMD^2 is ${short(result.squared)} (p = ${short(result.pValue)})`;
  return {
    finding:
      result.pValue > level
        ? { verdict: 'ok', text: `No difference of laws is seen by a Gaussian kernel: ${text}.` }
        : { verdict: 'warning', text: `The laws of samples and real examples differ: ${text}.` },
    figures: { ...result },
  };
}
