import { UserError } from '../errors.ts';
import type { InputSpec } from '../program/program.ts';
import type { HostTensor } from '../program/tensor.ts';
import { type Density, densityOf } from './abilities.ts';
import {
  batchOptions,
  conditionsFor,
  defaultSeed,
  givenLabels,
  nameOf,
  outputOf,
  rows,
} from './arguments.ts';
import { checkCount } from './batches.ts';
import type { LogProbRequest, LogProbs, ModelView, RunnableModel } from './contract.ts';

/** @throws UserError when the model has no density. */
export function needDensity(model: Pick<ModelView, 'name' | 'manifest'>): Density {
  const density = densityOf(model.manifest.programs);
  if (density !== undefined) return density;
  throw new UserError(`model ${nameOf(model)} (${model.manifest.family}) has no density to evaluate`);
}

/**
 * Log-densities of examples: exact ones, or the importance-weighted bound of `samples` draws (1: the ELBO).
 * @throws UserError when the model has no density or the request makes no sense.
 */
export async function scoreExamples(model: RunnableModel, request: LogProbRequest): Promise<LogProbs> {
  const { data, samples = 1, seed = defaultSeed, firstIndex = 0, label, conditions, scalars } = request;
  checkCount('samples', samples);
  const { program, kind } = needDensity(model);
  const draws = kind === 'exact' ? 1 : samples;
  checkDraws(nameOf(model), model.program(program).inputs, draws);
  const count = rows(data);
  const labels = givenLabels(model, program, label, count);
  const sources = {
    data,
    seed,
    firstIndex,
    count,
    ...labels,
    ...conditionsFor(conditions, count),
    ...(scalars && { scalars }),
  };
  const options = batchOptions(request);
  const values = await estimateLogProb(draws, count, async (draw) =>
    outputOf(model, program, await model.run(program, { ...sources, draw }, options), program),
  );
  return { values, kind };
}

/**
 * Checks that a bound of several draws can be had from a program `logWeight`: each draw keeps the noise that belongs
 * to the example and renews the rest, so the program must say which is which. One noise input alone is the estimate's.
 * @throws UserError when it does not say: a bundle of an earlier release.
 */
export function checkDraws(model: string, inputs: Readonly<Record<string, InputSpec>>, draws: number): void {
  const noises = Object.values(inputs).filter((spec) => spec.role === 'noise');
  if (draws === 1 || noises.length < 2 || noises.every(({ belongsTo }) => belongsTo !== undefined)) return;
  throw new UserError(
    `model ${model} does not say which noise belongs to the example, so only the bound of 1 sample can be had, ` +
      `not of ${draws}: export the model again`,
  );
}

/**
 * log 1/k sum_j exp(w_j) for each example, over k draws of its log-weight w: the importance-weighted bound of Burda,
 * Grosse and Salakhutdinov 2016, eq. 8. With one draw it is the log-weight itself, whose mean is the ELBO.
 * The sum runs in double precision around the largest weight so far, so draws are not kept.
 * @param evaluate log-weights of all examples for a draw, [count], nats
 */
export async function estimateLogProb(
  draws: number,
  count: number,
  evaluate: (draw: number) => Promise<HostTensor>,
): Promise<Float32Array> {
  const largest = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
  const sum = new Float64Array(count);
  for (let draw = 0; draw < draws; draw++) {
    const { data } = await evaluate(draw);
    for (let i = 0; i < count; i++) {
      const weight = data[i]!;
      if (weight > largest[i]!) {
        sum[i] = sum[i]! * Math.exp(largest[i]! - weight) + 1;
        largest[i] = weight;
      } else if (weight !== Number.NEGATIVE_INFINITY) {
        sum[i] = sum[i]! + Math.exp(weight - largest[i]!);
      }
    }
  }
  // A weight that is not a number has made the sum one, and stays visible. No draw with any weight: log 0.
  return Float32Array.from(largest, (peak, i) => (sum[i] === 0 ? peak : peak + Math.log(sum[i]! / draws)));
}
