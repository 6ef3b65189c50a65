import { type BarChart, finite, type Outcome, type Skipped, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { choose, rowsOf } from '../rows.ts';
import { mean } from '../statistics.ts';
import { bins, type FactorScore, factorScores } from './factor-scores.ts';

/** Examples that are encoded at most. */
const examples = 5000;

/** Does each of the factors that the data was drawn from stand in a dimension of the code of its own? */
export async function disentanglement(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const { posterior } = evaluation.request.source;
  if (posterior === undefined)
    return { skipped: 'it needs a program `divergence`, which vae, iwae, cvae and vlae have' };
  const { setApart } = evaluation.stored;
  if (setApart.drawnFrom === undefined)
    return { skipped: 'it needs data whose factors are known, such as glyphs and digits8' };
  // A model that is told the class has no reason to keep it in the code.
  const factors = setApart.drawnFrom.filter(({ classes }) => !(posterior.labelled && classes !== undefined));
  const indices = choose(setApart.size, examples, evaluation.seed, 'evaluate/disentanglement');
  const labels =
    setApart.labels === null ? null : Int32Array.from(indices, (index) => setApart.labels![index]!);
  const { means } = await posterior.of({
    ...{ data: await setApart.gather(indices), labels, seed: evaluation.seed },
  });
  const rows = rowsOf(means);
  if (rows.width < 2) return { skipped: 'it needs a code of two dimensions or more' };
  const scores = factorScores(
    rows,
    factors.map(({ name, classes, of }) => ({
      ...{ name, values: Float64Array.from(indices, (index) => of(index)) },
      ...(classes !== undefined && { classes }),
    })),
  );
  const [information, prediction] = [
    mean(scores.map(({ informationGap }) => informationGap)),
    mean(scores.map(({ predictionGap }) => predictionGap)),
  ];
  return {
    finding: {
      verdict: 'ok',
      text: `Mutual information gap ${short(information)}, separated attribute predictability ${short(prediction)}; ${described(scores)}.`,
    },
    figures: {
      mutualInformationGap: finite(information),
      separatedAttributePredictability: finite(prediction),
      factors: Object.fromEntries(
        scores.map(({ name, dimension, told, informationGap, predictionGap }) => [
          name,
          { dimension: dimension + 1, told: finite(told), informationGap, predictionGap },
        ]),
      ),
      examples: indices.length,
    },
    notes: [
      `Both are 1 where each factor stands in one dimension of the code and in no other, 0 where two dimensions tell it alike. Means of codes and quantities are cut into ${bins} bins of equal width; models compare on the same number of examples only, as few examples raise what bins seem to tell.`,
    ],
    bars: [barsOf(scores)],
  };
}

function described(scores: readonly FactorScore[]): string {
  const best = scores.toSorted((a, b) => b.informationGap - a.informationGap)[0]!;
  return `dimension ${best.dimension + 1} tells ${best.name} best, ${short(100 * best.told)} % of its entropy`;
}

function barsOf(scores: readonly FactorScore[]): BarChart {
  return {
    title: 'Gap between the dimension that says most of a factor and the next',
    labels: scores.map(({ name }) => name),
    series: [
      { name: 'by information', values: scores.map(({ informationGap }) => informationGap) },
      { name: 'by prediction', values: scores.map(({ predictionGap }) => predictionGap) },
    ],
  };
}
