import { fillInputs, type HostTensor } from '@generatrix/runtime/core';
import type { Dataset } from '../data/dataset.ts';
import { pointLawOf } from '../data/point-laws.ts';
import type { Trainer } from '../engine/engine.ts';
import { modeCoverage } from '../evaluate/mode-coverage.ts';
import type { Model } from '../families/family.ts';

const evaluationBatch = 100;

/** Seed of evaluation noise while training: fixed, so that two evaluations differ by the model alone. */
const evaluationSeed = 42;

/** What the held-out score is called, as training metrics are: an exact log-likelihood, or its bound. */
export function heldOutMetric(model: Model): 'logProb' | 'elbo' {
  return 'logProb' in model.programs ? 'logProb' : 'elbo';
}

/**
 * Mean log-likelihood (or its lower bound) of the first held-out examples, in nats, and null when the model has
 * no density.
 */
export async function heldOutScore(
  trainer: Trainer,
  model: Model,
  dataset: Dataset,
  limit: number,
): Promise<number | null> {
  const name = ['logProb', 'logWeight'].find((program) => program in model.programs);
  if (name === undefined) return null;
  const batch = Math.min(evaluationBatch, dataset.size);
  const batches = Math.max(1, Math.floor(Math.min(limit, dataset.size) / batch));
  let total = 0;
  for (let i = 0; i < batches; i++) {
    const indices = Int32Array.from({ length: batch }, (_, j) => i * batch + j);
    const labels = Int32Array.from(indices, (index) => dataset.labels?.[index] ?? 0);
    const inputs = fillInputs(name, model.programs[name]!.signature.inputs, {
      seed: evaluationSeed,
      firstIndex: i * batch,
      count: batch,
      data: await dataset.gather(indices),
      labels,
    });
    const outputs = await trainer.run(name, inputs);
    for (const value of outputs[name]!.data) total += value;
  }
  return total / (batches * batch);
}

/** Samples with the noise of `evaluationSeed`: labelled programs get the classes in turn. */
export async function sampleWhileTraining(
  trainer: Trainer,
  model: Model,
  count: number,
): Promise<HostTensor | null> {
  const program = model.programs.sample;
  if (program === undefined) return null;
  const inputs = fillInputs('sample', program.signature.inputs, {
    seed: evaluationSeed,
    firstIndex: 0,
    count,
  });
  return (await trainer.run('sample', inputs)).data!;
}

/**
 * Curves of mode coverage while training, from samples on data whose modes are known: modes hit, and the share of
 * samples of high quality. No metrics for other data.
 * @param dataset name of the data set
 * @param samples [n, 2]; with fewer than the 2,500 of the published protocol a mode is somewhat harder to hit
 */
export function modeMetrics(dataset: string, samples: HostTensor): Record<string, number> {
  const law = pointLawOf(dataset);
  if (law?.modes === undefined) return {};
  const { hit, highQuality } = modeCoverage(samples.data, law.modes);
  return { 'heldOut/modesHit': hit, 'heldOut/highQualityShare': highQuality };
}
