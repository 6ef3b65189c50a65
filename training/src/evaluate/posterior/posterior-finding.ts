import { type BarChart, type Finding, finite, type Outcome, type Skipped, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { choose, rowsOf } from '../rows.ts';
import { activeVariance, type PosteriorStatistics, posteriorStatistics } from './posterior-statistics.ts';

/** Examples that are encoded at most. */
const examples = 2000;
/** Bars that the page shows at most, the largest first. */
const shown = 50;
/** Nats of the whole code below which an example says nothing that is worth a code. */
const nothing = 0.01;

/** Does the code say anything of the example, and which of its dimensions do? */
export async function posteriorCollapse(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const { posterior } = evaluation.request.source;
  if (posterior === undefined) {
    return {
      skipped:
        'it needs a program `divergence`, which vae, iwae, cvae and vlae have; a run that is older gets it by generatrix export',
    };
  }
  if (posterior.labelled && evaluation.stored.setApart.labels === null) {
    return { skipped: 'the model takes the class of each example, and the data has none' };
  }
  // The program binarises examples itself where the model sees them so.
  const { setApart } = evaluation.stored;
  const indices = choose(setApart.size, examples, evaluation.seed, 'evaluate/posterior');
  const labels =
    setApart.labels === null ? null : Int32Array.from(indices, (index) => setApart.labels![index]!);
  const encoded = await posterior.of({
    data: await setApart.gather(indices),
    labels,
    seed: evaluation.seed,
  });
  const found = posteriorStatistics(rowsOf(encoded.means), rowsOf(encoded.divergences));
  const units = found.variances.length;
  const tied = found.divergences.length < units;
  return {
    finding: findingOf(found),
    figures: {
      activeUnits: found.activeUnits,
      units,
      divergence: finite(found.divergence),
      ...(tied ? {} : { divergences: Array.from(found.divergences, finite) }),
      variances: Array.from(found.variances, finite),
      examples: indices.length,
    },
    notes: [
      `A unit is active where the variance over the examples of its mean is above ${activeVariance}. divergence is KL(q(z|x) || p(z)) in nats, mean over the examples; divergences that of each dimension.`,
      ...(tied ? ['The prior ties the dimensions of the code, so that KL has no part for each.'] : []),
    ],
    bars: tied ? [] : [barsOf(found)],
  };
}

function findingOf({ activeUnits, variances, divergence }: PosteriorStatistics): Finding {
  const figures = `${activeUnits} of ${variances.length} dimensions of the code are active, and it takes ${short(divergence)} nats an example`;
  if (activeUnits === 0 || divergence < nothing) {
    return {
      verdict: 'problem',
      text: `The posterior has collapsed onto the prior: ${figures}. Try --kl-warm-up, --free-bits or a smaller --beta.`,
    };
  }
  return { verdict: 'ok', text: `The code is used: ${figures}.` };
}

function barsOf({ divergences }: PosteriorStatistics): BarChart {
  const order = Array.from(divergences.keys()).sort((a, b) => divergences[b]! - divergences[a]!);
  const kept = order.slice(0, shown);
  return {
    title:
      kept.length < order.length
        ? `KL of the ${shown} dimensions of the code that take most, nats`
        : 'KL of each dimension of the code, nats',
    labels: kept.map((dimension) => String(dimension + 1)),
    series: [{ name: 'KL', values: kept.map((dimension) => divergences[dimension]!) }],
  };
}
