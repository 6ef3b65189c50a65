import { UserError } from '../errors.ts';
import { chainLength } from '../program/program.ts';
import type { HostTensor } from '../program/tensor.ts';
import { defaultSeed, nameOf } from './arguments.ts';
import { checkCount } from './batches.ts';
import { type ChainOptions, runChain } from './chain.ts';
import type { RunnableModel } from './contract.ts';
import { drawSamples } from './sample.ts';

export interface LogPartitionRequest extends ChainOptions {
  /** Chains that are annealed, 2 at least; 100 when absent. */
  readonly chains?: number;
  /** Temperatures from the start to the model; the program's own number when absent. */
  readonly temperatures?: number;
  /** 42 when absent. */
  readonly seed?: number;
}

/** An estimate of a model's log partition function, nats. */
export interface LogPartition {
  readonly logZ: number;
  /** Of `logZ`, by the delta method. */
  readonly standardError: number;
  /** log of Z less and plus three standard errors of Z; the first is -Infinity where they reach below 0. */
  readonly interval: readonly [number, number];
  /** Chains of equal weight that would tell as much, 1 to their number. */
  readonly effectiveSampleSize: number;
  readonly chains: number;
  readonly temperatures: number;
}

/** An estimate by chains from independent units to the model. */
export interface AnnealedPartition extends LogPartition {
  /** Examples that the chains end at, [chains, ...shape]: what the estimate has seen of the model. */
  readonly ends: HostTensor;
}

/** Whether the partition function of a model can be estimated. */
export function canAnneal({ manifest }: Pick<RunnableModel, 'manifest'>): boolean {
  return manifest.programs.anneal?.chain !== undefined;
}

/**
 * log Z by annealed importance sampling (Neal 2001): log of the mean weight of chains from a distribution that can be
 * summed to the model. Below log Z in expectation, the less the more temperatures there are. Memory does not grow with
 * their number.
 * @throws UserError when the model has no program `anneal` or the request makes no sense.
 */
export async function estimateLogPartition(
  model: RunnableModel,
  request: LogPartitionRequest = {},
): Promise<AnnealedPartition> {
  if (!canAnneal(model)) {
    throw new UserError(
      `model ${nameOf(model)} (${model.manifest.family}) has no partition function to estimate`,
    );
  }
  const { sources, options, length } = annealing(model, request);
  const { logWeight, data } = await runChain(model, 'anneal', sources, options);
  return { ...summaryOf(logWeight!.data), chains: sources.count, temperatures: length, ends: data! };
}

export interface ReverseRequest extends LogPartitionRequest {
  /** Steps of the chains that the examples to anneal back are the ends of; the program's own number when absent. */
  readonly sampleSteps?: number;
}

/**
 * log Z by annealing the model's samples back to the start (Burda, Grosse and Salakhutdinov 2015): minus the log of the
 * mean of 1 / weight. Above log Z in expectation where the samples are exact: with `estimateLogPartition`, log Z is
 * between the two as far as the model's own chain has mixed.
 * @throws UserError when the model has no program `annealBack` or the request makes no sense.
 */
export async function estimateLogPartitionBack(
  model: RunnableModel,
  { sampleSteps, ...request }: ReverseRequest = {},
): Promise<LogPartition> {
  if (!Object.hasOwn(model.manifest.programs, 'annealBack')) {
    throw new UserError(`model ${nameOf(model)} (${model.manifest.family}) has no samples to anneal back`);
  }
  const { sources, options, length } = annealing(model, request);
  const drawn = sampleSteps ?? model.program('advance').chain!.steps;
  const { onSteps } = options;
  const of = drawn + length;
  // Other indices than those of the chains back, whose noise must not be that which made the samples.
  const { data } = await drawSamples(model, {
    ...{ count: sources.count, seed: sources.seed, firstIndex: sources.count, draw: 'sample' },
    ...(sampleSteps !== undefined && { [chainLength]: sampleSteps }),
    ...options,
    ...(onSteps && { onSteps: (done: number) => onSteps(done, of) }),
  });
  const { logWeight } = await runChain(
    model,
    'annealBack',
    { ...sources, data },
    { ...options, ...(onSteps && { onSteps: (done: number) => onSteps(drawn + done, of) }) },
  );
  const { logZ, interval, ...summary } = summaryOf(Float64Array.from(logWeight!.data, (w) => -w));
  const [low, high] = interval;
  return {
    ...summary,
    ...{ logZ: -logZ, interval: [-high, -low] },
    ...{ chains: sources.count, temperatures: length },
  };
}

function annealing(model: RunnableModel, request: LogPartitionRequest) {
  const { chains = 100, temperatures, seed = defaultSeed, ...options } = request;
  checkCount('chains', chains);
  if (chains < 2) throw new UserError('chains: expected 2 or more, as one says nothing of the error, got 1');
  const scalars = { ...(temperatures !== undefined && { [chainLength]: temperatures }) };
  return {
    sources: { seed, firstIndex: 0, count: chains, scalars },
    options: { batchSize: chains, ...options },
    length: temperatures ?? model.program('anneal').chain!.steps,
  };
}

/** log-mean-exp of weights, with how sure it is. */
function summaryOf(
  logWeights: ArrayLike<number>,
): Pick<LogPartition, 'logZ' | 'standardError' | 'interval' | 'effectiveSampleSize'> {
  const values = Array.from(logWeights);
  const count = values.length;
  const largest = Math.max(...values);
  const weights = values.map((value) => Math.exp(value - largest));
  const mean = weights.reduce((sum, w) => sum + w, 0) / count;
  const variance = weights.reduce((sum, w) => sum + (w - mean) ** 2, 0) / (count - 1);
  const relative = Math.sqrt(variance / count) / mean;
  const logZ = largest + Math.log(mean);
  return {
    logZ,
    standardError: relative,
    interval: [
      logZ + (relative < 1 / 3 ? Math.log(1 - 3 * relative) : Number.NEGATIVE_INFINITY),
      logZ + Math.log(1 + 3 * relative),
    ],
    effectiveSampleSize: (mean * count) ** 2 / weights.reduce((sum, w) => sum + w * w, 0),
  };
}
