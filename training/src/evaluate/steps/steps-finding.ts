import { chartOf } from '../../report/report-charts.ts';
import { type Outcome, percent, type Skipped, short } from '../diagnostic.ts';
import { type Evaluation, roundedAs } from '../evaluation.ts';
import { frechetDistance, momentsOf } from '../frechet/frechet.ts';
import { precisionRecall } from '../frechet/precision-recall.ts';
import { head, type Rows, rowsOf } from '../rows.ts';

/** Examples a side, at most: samples are drawn anew for each number of steps. */
const mostExamples = 2000;
/** As few as moments of features can be taken of. */
const fewestExamples = 20;

/**
 * Fréchet distance, precision and recall of samples drawn in different numbers of steps, by the same noise: how few steps
 * are enough. On the features of the data set's classifier where there is one, else on values.
 */
export async function qualityBySteps(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const { request, compiled } = evaluation;
  const { source, seed, steps: asked } = request;
  if (source.inSteps === undefined)
    return { skipped: 'the model does not draw in a number of steps of choice' };
  if (asked === undefined) return { skipped: 'say which numbers of steps to compare: --steps 1,2,4,8,16' };
  const side = Math.min(evaluation.half, mostExamples);
  if (side < fewestExamples)
    return { skipped: 'it needs at least 40 real examples that no model was trained on' };
  const onFeatures = evaluation.classifierRefusal === null;
  const rows = async (which: 'pool' | 'samples') =>
    onFeatures ? (await evaluation.classified(which)).features : rowsOf((await evaluation[which]()).data);
  const real = head(await rows('pool'), side);
  const moments = momentsOf(real);
  const curve: { steps: number; frechet: number; precision: number; recall: number }[] = [];
  for (const steps of asked) {
    const drawn = await source.inSteps({ count: side, seed, steps });
    const data = (await evaluation.isRounded()) ? roundedAs(drawn.data, evaluation.spec) : drawn.data;
    const samples: Rows = onFeatures
      ? (await (await evaluation.classifier()).classify(data)).features
      : rowsOf(data);
    const found = await precisionRecall(compiled, real, samples);
    curve.push({ steps, frechet: frechetDistance(moments, momentsOf(samples)), ...found });
  }
  const best = Math.min(...curve.map(({ frechet }) => frechet));
  const enough = curve.find(({ frechet }) => frechet <= 2 * best)!;
  const said = curve.map(
    ({ steps, frechet, precision, recall }) =>
      `${steps}: ${short(frechet)} (${percent(precision)}, ${percent(recall)})`,
  );
  const of = (name: 'frechet' | 'precision' | 'recall') =>
    new Map(curve.map((point) => [point.steps, point[name]]));
  return {
    finding: {
      verdict: 'ok',
      text: `Fréchet distance, precision and recall by steps: ${said.join('; ')}. From ${enough.steps} on it is within twice the best.`,
    },
    figures: {
      steps: curve.map(({ steps }) => steps),
      frechetDistance: curve.map(({ frechet }) => frechet),
      precision: curve.map(({ precision }) => precision),
      recall: curve.map(({ recall }) => recall),
      enoughSteps: enough.steps,
      examplesPerSide: side,
      space: onFeatures ? 'classifier features' : 'values',
    },
    charts: [
      chartOf('Fréchet distance by steps', new Map([['samples', of('frechet')]])),
      chartOf(
        'Precision and recall by steps',
        new Map([
          ['precision', of('precision')],
          ['recall', of('recall')],
        ]),
        [0, 1],
      ),
    ],
    notes: [
      'The same noise, seed and classes for every number of steps. Compare distances of this table with one another alone: those of other sizes of sides differ by their bias.',
    ],
  };
}
