import {
  densityOf,
  fillInputs,
  type HostTensor,
  hostTensor,
  type RunProgram,
  runChain,
  samplingProgram,
} from '@generatrix/runtime/core';
import { conditionsOf } from '../data/conditions.ts';
import type { Dataset } from '../data/dataset.ts';
import { pointDistributionOf } from '../data/point-distributions.ts';
import type { Trainer } from '../engine/engine.ts';
import { modeCoverage } from '../evaluate/modes/mode-coverage.ts';
import type { Model } from '../model/model.ts';
import { signaturesOf } from '../model/signatures.ts';

const evaluationBatch = 100;

/** Seed of evaluation noise while training: fixed, so that two evaluations differ by the model alone. */
const evaluationSeed = 42;

/** What the likelihood of held-out examples is called among the metrics: an exact one, or its bound. */
export function likelihoodMetric(model: Model): 'heldOut/logProb' | 'heldOut/elbo' {
  return densityOf(model.programs)?.kind === 'exact' ? 'heldOut/logProb' : 'heldOut/elbo';
}

/**
 * Names of what an evaluation measures while training, as they stand in `metrics.jsonl`; of each, more is better.
 * @param dataset name of the data set
 */
export function heldOutMetrics(model: Model, dataset: string, hasValidation: boolean): string[] {
  const modes =
    samplingProgram(signaturesOf(model)) !== undefined && pointDistributionOf(dataset)?.modes !== undefined;
  return [
    ...(hasValidation && densityOf(model.programs) !== undefined ? [likelihoodMetric(model)] : []),
    ...(modes ? Object.keys(modeMetrics(dataset, hostTensor('float32', [1, 2], [0, 0]))) : []),
  ];
}

/**
 * Mean log-likelihood (or its lower bound) of the first held-out examples, in nats, and null when the model has
 * no density or there are no examples.
 */
export async function heldOutScore(
  trainer: Trainer,
  model: Model,
  dataset: Dataset,
  limit: number,
): Promise<number | null> {
  const name = densityOf(model.programs)?.program;
  const size = Math.min(limit, dataset.size);
  if (name === undefined || size === 0) return null;
  let total = 0;
  for (let first = 0; first < size; first += evaluationBatch) {
    const count = Math.min(evaluationBatch, size - first);
    const indices = Int32Array.from({ length: count }, (_, j) => first + j);
    const labels = Int32Array.from(indices, (index) => dataset.labels?.[index] ?? 0);
    const inputs = fillInputs(name, model.programs[name]!.signature.inputs, {
      seed: evaluationSeed,
      firstIndex: first,
      count,
      data: await dataset.gather(indices),
      labels,
      ...(await conditionsOf(model.programs[name]!.signature, dataset, indices)),
    });
    const outputs = await trainer.run(name, inputs);
    for (const value of outputs[name]!.data) total += value;
  }
  return total / size;
}

/**
 * Samples with the noise of `evaluationSeed`: labelled programs get the classes in turn, those with conditions what the
 * first examples of the data set have.
 */
export async function sampleWhileTraining(
  trainer: Trainer,
  model: Model,
  count: number,
  dataset: Dataset,
): Promise<HostTensor | null> {
  const signatures = signaturesOf(model);
  const program = samplingProgram(signatures);
  if (program === undefined) return null;
  const { inputs, outputs, chain } = signatures[program]!;
  const run: RunProgram = (name, sources) => trainer.run(name, fillInputs(name, inputs, sources));
  const indices = Int32Array.from({ length: count }, (_, i) => i % dataset.size);
  const sources = {
    ...{ seed: evaluationSeed, firstIndex: 0, count },
    ...(await conditionsOf(signatures[program]!, dataset, indices)),
  };
  const drawn =
    chain === undefined
      ? await run(program, sources)
      : await runChain({ program: (name) => signatures[name]!, run }, program, sources, { batchSize: count });
  return drawn[Object.keys(outputs).find((name) => outputs[name]!.meaning === 'data')!]!;
}

/**
 * Curves of mode coverage while training, from samples on data whose modes are known: modes hit, and the share of
 * samples of high quality. No metrics for other data.
 * @param dataset name of the data set
 * @param samples [n, 2]; with fewer than the 2,500 of the published protocol a mode is somewhat harder to hit
 */
export function modeMetrics(dataset: string, samples: HostTensor): Record<string, number> {
  const distribution = pointDistributionOf(dataset);
  if (distribution?.modes === undefined) return {};
  const { hit, highQuality } = modeCoverage(samples.data, distribution.modes);
  return { 'heldOut/modesHit': hit, 'heldOut/highQualityShare': highQuality };
}
