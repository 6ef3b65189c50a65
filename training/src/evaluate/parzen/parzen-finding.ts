import { type Outcome, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { choose } from '../rows.ts';
import { parzen, parzenGrids } from './parzen.ts';

/** Examples that choose the window's width, as in the published protocol. */
const validationExamples = 1000;
/** Samples that the published figures rest on. */
const publishedSamples = 10_000;

/** Standard errors by which the log-likelihood must fall short of that of training examples. */
const beyond = 2.8;

/** Parzen-window log-likelihood of held-out examples, beside that under a window over training examples. */
export async function parzenLogLikelihood(evaluation: Evaluation): Promise<Outcome> {
  const { request, seed } = evaluation;
  const { train, setApart, test: testSplit, count } = request;
  const samples = (await evaluation.samples()).data;
  // The examples that choose the width are set apart from training and from the test split, as in the published protocol.
  // Where there is no validation part large enough, a part of the test split that is not measured on chooses it.
  const shared = setApart.split === testSplit.split;
  const order = choose(testSplit.size, testSplit.size, seed, 'parzen/test');
  const widthExamples = Math.min(validationExamples, shared ? order.length >> 1 : setApart.size);
  const validation = await setApart.gather(
    shared ? order.subarray(0, widthExamples) : choose(setApart.size, widthExamples, seed, 'parzen'),
  );
  const test = await testSplit.gather(
    order.subarray(shared ? widthExamples : 0).subarray(0, publishedSamples),
  );
  const found = await parzen(samples, validation, test);
  const onPixels = evaluation.spec.kind === 'image';
  const finer = onPixels ? await parzen(samples, validation, test, { sigmas: parzenGrids.li }) : null;
  const others = await train.gather(choose(train.size, count, seed, 'parzen/train'));
  const baseline = await parzen(others, validation, test);
  const lost = baseline.logLikelihood - found.logLikelihood;
  const comparable = onPixels && count === publishedSamples;
  return {
    finding: {
      verdict: lost > beyond * Math.hypot(found.standardError, baseline.standardError) ? 'warning' : 'ok',
      text: `Parzen-window log-likelihood ${found.logLikelihood.toFixed(1)} +- ${found.standardError.toFixed(1)} nats (sigma ${short(found.sigma)}); a window over ${others.shape[0]} training examples gives ${baseline.logLikelihood.toFixed(1)}.`,
    },
    figures: {
      ...found,
      ...(finer === null ? {} : { byGridOfLi2015: { ...finer } }),
      trainingExamplesAsSamples: { ...baseline },
      samples: count,
      validation: validation.shape[0]!,
      test: test.shape[0]!,
    },
    notes: [
      comparable
        ? 'Comparable with published figures for real-valued pixels in [0, 1]. The window ranks models differently from their true likelihood (Theis et al. 2016).'
        : `Published figures rest on ${publishedSamples} samples of images; fewer samples give lower figures.`,
    ],
  };
}
