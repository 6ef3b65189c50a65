import { UserError } from '../errors.ts';
import { fillNoise } from '../noise/noise.ts';
import { permutation } from '../noise/random-stream.ts';
import type { FieldSpec, NoiseDistribution } from '../program/program.ts';
import { type HostTensor, hostTensor } from '../program/tensor.ts';
import type { StepInputs } from './step-feeds.ts';

/**
 * How examples reach the step: `shuffled` draws epochs in random order and drops the last partial batch; `sweep` shows
 * every example exactly once an epoch, the last batch padded with weight 0.
 */
export type Batching = 'shuffled' | 'sweep';

/** Noise that a training step takes, per example; filled from Philox, keyed by seed and step. */
export interface NoiseSpec {
  readonly distribution: NoiseDistribution;
  readonly shape: readonly number[];
}

/** Examples that can be picked by index. */
export interface Examples {
  /** Class index of each example, or null when there are no labels. */
  readonly labels: Int32Array | null;
  /** The examples at these indices, float32 [n, ...shape]. */
  gather(indices: ArrayLike<number>): HostTensor | Promise<HostTensor>;
  /** What there is of each example besides, by name. */
  readonly fields?: Readonly<
    Record<string, { gather(indices: ArrayLike<number>): HostTensor | Promise<HostTensor> }>
  >;
}

/** Which examples make up a step's batch. */
export interface Batch {
  readonly epoch: number;
  readonly indices: Int32Array;
  /** 1 for an example, 0 for padding. */
  readonly weight: Float32Array;
  readonly epochEnd: boolean;
}

/**
 * The batch of a step, as a pure function of the seed and the step, so that a resumed run sees the same ones.
 * Steps count from 0, epochs from `firstEpoch`: what follows other training has orders of its own.
 */
export function batchPlan(
  batching: Batching,
  size: number,
  batchSize: number,
  seed: number,
  firstEpoch = 0,
): (step: number) => Batch {
  const sweep = batching === 'sweep';
  const perEpoch = sweep ? Math.ceil(size / batchSize) : Math.max(1, Math.floor(size / batchSize));
  let order: { epoch: number; indices: Uint32Array | Int32Array } | null = null;
  return (step) => {
    const epoch = firstEpoch + Math.floor(step / perEpoch);
    const position = step % perEpoch;
    if (!sweep && order?.epoch !== epoch) {
      order = { epoch, indices: permutation(seed, `shuffle/${epoch}`, size) };
    }
    const indices = new Int32Array(batchSize);
    const weight = new Float32Array(batchSize).fill(1);
    for (let i = 0; i < batchSize; i++) {
      const at = position * batchSize + i;
      if (sweep && at >= size) weight[i] = 0;
      else indices[i] = sweep ? at : order!.indices[at % size]!;
    }
    return { epoch, indices, weight, epochEnd: position === perEpoch - 1 };
  };
}

/** Gathers the examples and fills the noise of a step, keyed by seed, noise name, place in the batch and step. */
export async function stepInputs(
  {
    step: spec,
  }: {
    readonly step: {
      readonly noise: Readonly<Record<string, NoiseSpec>>;
      readonly conditions?: Readonly<Record<string, FieldSpec>>;
    };
  },
  examples: Examples,
  batch: Batch,
  key: { seed: number; step: number; learningRate: number },
): Promise<StepInputs> {
  const { seed, step, learningRate } = key;
  const count = batch.indices.length;
  const noise: Record<string, HostTensor> = {};
  for (const [name, { distribution, shape }] of Object.entries(spec.noise)) {
    const values = fillNoise({
      distribution,
      seed,
      stream: `step/${name}`,
      firstIndex: 0,
      count,
      draw: step,
      shape,
    });
    noise[name] = hostTensor('float32', [count, ...shape], values);
  }
  const labels = Int32Array.from(batch.indices, (index) => examples.labels?.[index] ?? 0);
  const conditions: Record<string, HostTensor> = {};
  for (const name of Object.keys(spec.conditions ?? {})) {
    const field = examples.fields?.[name];
    if (field === undefined)
      throw new UserError(`the model is given '${name}' with each example, which the data does not have`);
    conditions[name] = await field.gather(batch.indices);
  }
  return {
    ...(spec.conditions && { conditions }),
    data: await examples.gather(batch.indices),
    label: hostTensor('int32', [count], labels),
    weight: hostTensor('float32', [count], batch.weight),
    noise,
    learningRate,
    epochEnd: batch.epochEnd,
  };
}
