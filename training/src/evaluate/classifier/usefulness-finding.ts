import { everyIndex } from '../../data/dataset.ts';
import { type Dataset, floatDataset } from '../../data/index.ts';
import { type Outcome, percent, type Skipped } from '../diagnostic.ts';
import { type Evaluation, type Examples, firstOf } from '../evaluation.ts';
import { choose } from '../rows.ts';
import { agreement, trainClassifier } from './classifier.ts';
import { classifierSettings } from './reference-classifier.ts';

/** Accuracy lost from which samples are worth less than data, and much less. */
const slight = 0.03;
const gross = 0.15;
/** Standard deviations by which accuracies on the test examples must differ to count as different. */
const beyond = 2.8;

/**
 * Are samples worth as much as data? A classifier is trained on labelled samples and tested on real examples, and the
 * other way round (Esteban et al. 2017, section 4.2, TSTR and TRTS; Ravuri and Vinyals 2019), beside one trained on as
 * many real examples.
 */
export async function usefulness(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const refusal = evaluation.classifierRefusal;
  if (refusal !== null) return { skipped: refusal };
  const { compiled, request, seed } = evaluation;
  const drawn = await evaluation.samples();
  const { labels } = drawn;
  if (labels === null) return { skipped: 'it needs samples with labels, and the model takes no class' };
  const real = await trainingExamples(evaluation);
  const count = Math.min(labels.length, real.labels!.length);
  const settings = classifierSettings(request.train, count, request.effort, seed);
  const trained = async (examples: Examples) =>
    trainClassifier(compiled, asDataset(request.train, examples, count), settings);
  const test = await request.test.gather(everyIndex(request.test));
  const bySamples = (await (await trained({ data: drawn.data, labels })).classify(test)).labels;
  const realClassifier = await trained(real);
  const byReal = (await realClassifier.classify(test)).labels;
  const onSamples = (await realClassifier.classify(firstOf(drawn.data, count))).labels;
  const synthetic = agreement(bySamples, request.test.labels!);
  const baseline = agreement(byReal, request.test.labels!);
  const reverse = agreement(onSamples, labels);
  const lost = baseline - synthetic;
  const deviation = Math.sqrt(
    (baseline * (1 - baseline) + synthetic * (1 - synthetic)) / request.test.size || Number.EPSILON,
  );
  const chance = lost < beyond * deviation;
  return {
    finding: {
      verdict: lost < slight || chance ? 'ok' : lost < gross ? 'warning' : 'problem',
      text: `A classifier trained on samples is right in ${percent(synthetic)} of real examples; trained on as many real ones, in ${percent(baseline)}.`,
    },
    figures: {
      trainSyntheticTestReal: synthetic,
      trainRealTestReal: baseline,
      trainRealTestSynthetic: reverse,
      trainingExamples: count,
    },
  };
}

async function trainingExamples({ request, seed }: Evaluation): Promise<Examples> {
  const { train, count } = request;
  const indices = choose(train.size, count, seed, 'usefulness');
  return {
    data: await train.gather(indices),
    labels: Int32Array.from(indices, (index) => train.labels![index]!),
  };
}

function asDataset({ spec, classNames }: Dataset, { data, labels }: Examples, count: number): Dataset {
  const values = firstOf(data, count).data as Float32Array;
  return floatDataset(
    { name: 'usefulness', split: 'train', spec, size: count, labels: labels!.subarray(0, count), classNames },
    values,
  );
}
