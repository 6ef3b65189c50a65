import { hostTensor } from '@generatrix/runtime/core';
import { type Outcome, short } from '../diagnostic.ts';
import { type Evaluation, firstOf } from '../evaluation.ts';
import { parzen, parzenGrids } from '../parzen.ts';
import { choose } from '../rows.ts';

/** Examples that choose the window's width, as in the published protocol. */
const validationExamples = 1000;
/** Samples that the published figures rest on. */
const publishedSamples = 10_000;

/** Parzen-window log-likelihood of held-out examples, beside that under a window over training examples. */
export async function windowDensity(evaluation: Evaluation): Promise<Outcome> {
  const { request, seed } = evaluation;
  const { train, heldOut, count } = request;
  const samples = (await evaluation.samples()).data;
  // The examples that choose the width come from the training split: the test split is only measured on.
  const order = choose(train.size, Math.min(train.size, validationExamples + count), seed, 'parzen');
  const validation = await train.gather(order.subarray(0, Math.min(validationExamples, order.length >> 1)));
  const test = await heldOut.gather(
    choose(heldOut.size, Math.min(heldOut.size, publishedSamples), seed, 'parzen/test'),
  );
  const found = await parzen(samples, validation, test);
  const onPixels = evaluation.spec.kind === 'image';
  const finer = onPixels ? await parzen(samples, validation, test, { sigmas: parzenGrids.li }) : null;
  const others = await train.gather(order.subarray(validation.shape[0]!));
  const baseline = await parzen(
    firstOf(hostTensor('float32', others.shape, others.data), count),
    validation,
    test,
  );
  const comparable = onPixels && count === publishedSamples;
  return {
    finding: {
      verdict:
        found.logLikelihood > baseline.logLikelihood - 0.2 * Math.abs(baseline.logLikelihood)
          ? 'ok'
          : 'warning',
      text: `Parzen-window log-likelihood ${found.logLikelihood.toFixed(1)} +- ${found.standardError.toFixed(1)} nats (sigma ${short(found.sigma)}); a window over as many training examples gives ${baseline.logLikelihood.toFixed(1)}.`,
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
