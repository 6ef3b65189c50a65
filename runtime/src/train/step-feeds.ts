import { portNames } from '../program/program.ts';
import { type HostTensor, hostTensor } from '../program/tensor.ts';

/** Host tensors for one training step; noise is already filled. */
export interface StepInputs {
  readonly data: HostTensor; // [batch, ...shape]
  readonly label: HostTensor; // [batch] int32
  readonly weight: HostTensor; // [batch]
  /** What the examples are given besides, by name, each [batch, ...shape]; absent where a step takes nothing. */
  readonly conditions?: Readonly<Record<string, HostTensor>>;
  readonly noise: Readonly<Record<string, HostTensor>>;
  readonly learningRate: number;
  readonly epochEnd: boolean;
}

/** What a compiled step takes besides the state, by the names of its inputs. */
export function stepFeeds({
  noise,
  conditions = {},
  learningRate,
  epochEnd,
  ...batch
}: StepInputs): Record<string, HostTensor> {
  const named = [
    ...Object.entries(noise).map(([name, tensor]) => [portNames.noise(name), tensor]),
    ...Object.entries(conditions).map(([name, tensor]) => [portNames.condition(name), tensor]),
  ];
  return {
    ...batch,
    ...Object.fromEntries(named),
    learningRate: hostTensor('float32', [], [learningRate]),
    epochEnd: hostTensor('float32', [], [epochEnd ? 1 : 0]),
  };
}

/** The same for several steps as one program takes them: each input with a leading axis of steps. */
export function stackedFeeds(steps: readonly StepInputs[]): Record<string, HostTensor> {
  const feeds = steps.map(stepFeeds);
  return Object.fromEntries(
    Object.entries(feeds[0]!).map(([name, { dtype, shape, data }]) => {
      const Values = data.constructor as new (length: number) => typeof data;
      const values = new Values(feeds.length * data.length);
      for (const [i, feed] of feeds.entries()) values.set(feed[name]!.data, i * data.length);
      return [name, hostTensor(dtype, [feeds.length, ...shape], values)];
    }),
  );
}
