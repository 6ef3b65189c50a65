import type { Sampler } from '@generatrix/runtime';
import {
  type HostTensor,
  type LogPartition,
  type LogPartitionRequest,
  sizeOf,
} from '@generatrix/runtime/core';
import type { Dataset } from '@generatrix/training/data';
import { withProgress } from './chain-progress.ts';

/** A mean over examples. */
export interface MeanOverExamples {
  readonly count: number;
  readonly mean: number;
  /** Standard error of the mean over the examples. */
  readonly standardError: number;
}

/** What `score` measures over a data set: the mean log-likelihood (or its lower bound), nats. */
export interface Score extends MeanOverExamples {
  readonly kind: 'exact' | 'bound';
  /** -mean / (dimensions * ln 2). */
  readonly bitsPerDimension: number;
}

const batch = 500;

/** Scores a data set with a loaded model; the noise of a bound is keyed by the example's index. */
export async function scoreDataset(
  sampler: Sampler,
  dataset: Dataset,
  options: { samples: number; limit: number; seed: number },
): Promise<Score> {
  const { seed, samples, limit } = options;
  let kind: Score['kind'] = 'exact';
  const over = await meanOver(dataset, limit, async (data, indices) => {
    const condition = { seed, firstIndex: indices[0]!, ...labelsOf(dataset, indices) };
    const scored = await sampler.logProb({ data, samples, ...condition });
    kind = scored.kind;
    return scored.values;
  });
  return { ...over, kind, bitsPerDimension: -over.mean / (sizeOf(dataset.spec.shape) * Math.LN2) };
}

/** Squared error of each example's reconstruction, summed over its values, by way of the model's code. */
export async function reconstructionError(
  sampler: Sampler,
  dataset: Dataset,
  { limit, seed }: { limit: number; seed: number },
): Promise<MeanOverExamples> {
  return meanOver(dataset, limit, async (data, indices) => {
    const made = await sampler.reconstruct(data, {
      seed,
      firstIndex: indices[0]!,
      ...labelsOf(dataset, indices),
    });
    const size = data.data.length / indices.length;
    return Float64Array.from(indices, (_, i) => {
      let sum = 0;
      for (let k = i * size; k < (i + 1) * size; k++) sum += (made.data[k]! - data.data[k]!) ** 2;
      return sum;
    });
  });
}

function labelsOf({ labels }: Dataset, indices: Int32Array): { readonly label?: Int32Array } {
  return labels === null ? {} : { label: indices.map((index) => labels[index]!) };
}

async function meanOver(
  dataset: Dataset,
  limit: number,
  evaluate: (data: HostTensor, indices: Int32Array) => Promise<ArrayLike<number>>,
): Promise<MeanOverExamples> {
  const count = Math.min(limit, dataset.size);
  let [sum, squares] = [0, 0];
  for (let first = 0; first < count; first += batch) {
    const indices = Int32Array.from({ length: Math.min(batch, count - first) }, (_, i) => first + i);
    const values = await evaluate(await dataset.gather(indices), indices);
    for (let i = 0; i < values.length; i++) {
      sum += values[i]!;
      squares += values[i]! ** 2;
    }
  }
  const mean = sum / count;
  return { count, mean, standardError: Math.sqrt(Math.max(0, squares / count - mean * mean) / count) };
}

/** The log-likelihood of a model that is known up to its partition function, which is estimated. */
export interface EnergyScore extends Omit<Score, 'kind'> {
  /** Whether it is a bound even of a model whose partition function is as estimated. */
  readonly isBound: boolean;
  readonly partition: LogPartition;
  /** Free energy, mean over the data and of each end of an annealed chain, nats: lower is likelier. */
  readonly freeEnergy: { readonly data: number; readonly annealed: Float64Array };
}

/**
 * Why an estimate of log Z cannot be believed, in one line, or null: where the data lies below every annealed chain, these
 * have not found what the model puts its probability on. Their errors say nothing of it, as no chain was there.
 */
export function missedByChains({ data, annealed }: EnergyScore['freeEnergy']): string | null {
  const least = annealed.reduce((lowest, energy) => Math.min(lowest, energy), Number.POSITIVE_INFINITY);
  if (data >= least) return null;
  return (
    `the data has a free energy of ${data.toFixed(1)} nats, every one of ${annealed.length} annealed chains a higher one, ` +
    `${least.toFixed(1)} or more: they have not found where the data lies, so that log Z is too low and the likelihood too high`
  );
}

/** Scores a data set with an energy model; the bits of hidden units that cannot be summed out are bounded. */
export async function scoreByEnergy(
  sampler: Sampler,
  dataset: Dataset,
  { limit, seed = 42, ...annealing }: LogPartitionRequest & { readonly limit: number },
): Promise<EnergyScore> {
  // Where hidden units cannot be summed out, a bound of the energy by mean field or recognition, and so of the likelihood.
  const isBound = 'variationalFreeEnergy' in sampler.manifest.programs;
  const program = isBound ? 'variationalFreeEnergy' : 'freeEnergy';
  const energyOf = async (data: HostTensor, firstIndex: number) => {
    const count = data.shape[0]!;
    return (await sampler.run(program, { data, seed, firstIndex, count }, { batchSize: count })).freeEnergy!
      .data;
  };
  const energy = await meanOver(dataset, limit, (data, indices) => energyOf(data, indices[0]!));
  const { ends, ...partition } = await withProgress('annealing', 0, (onSteps) =>
    sampler.logPartition({ ...annealing, seed, onSteps }),
  );
  const mean = -energy.mean - partition.logZ;
  return {
    ...{ isBound, partition, count: energy.count, mean, standardError: energy.standardError },
    freeEnergy: { data: energy.mean, annealed: Float64Array.from(await energyOf(ends, 0)) },
    bitsPerDimension: -mean / (sizeOf(dataset.spec.shape) * Math.LN2),
  };
}
