import { type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { rowsOf } from '../rows.ts';
import type { SourceChain } from '../sample-source.ts';
import { mean } from '../statistics.ts';
import { type Directions, projections } from './principal-directions.ts';

/** Which chains are followed. */
export interface TraceRequest {
  readonly chains: number;
  readonly steps: number;
  readonly seed: number;
  /** Directions that states are seen along. */
  readonly along: Directions;
}

/** Scalars of the states of chains. */
export interface ChainTraces {
  readonly steps: number;
  /** By name: for each chain, the value after each step. */
  readonly scalars: Readonly<Record<string, readonly Float64Array[]>>;
  /** Some of the states, [chains, ...shape] each. */
  readonly states: readonly { readonly step: number; readonly data: HostTensor }[];
}

/** Steps whose states are held at a time. */
const blockSteps = 64;
/** States that are kept. */
const kept = 20;

/**
 * Follows chains from their own start and measures each state: its mean, where it lies along directions, and its free
 * energy where the model gives one, nats.
 */
export async function traceChains(
  chain: SourceChain,
  { chains, steps, seed, along }: TraceRequest,
): Promise<ChainTraces> {
  const names = [
    ...(chain.energy === undefined ? [] : ['free energy']),
    'mean of the values',
    ...along.directions.map((_, index) => `principal component ${index + 1}`),
  ];
  const scalars = Object.fromEntries(
    names.map((name) => [name, Array.from({ length: chains }, () => new Float64Array(steps))]),
  );
  const states: { step: number; data: HostTensor }[] = [];
  const wanted = new Set(
    Array.from({ length: kept }, (_, i) => Math.max(1, Math.round(((i + 1) * steps) / kept))),
  );
  let block: HostTensor[] = [];
  let step = 0;
  const measure = async () => {
    const together = joined(block);
    const rows = rowsOf(together);
    const measured = [
      ...(chain.energy === undefined ? [] : [await chain.energy(together)]),
      Float64Array.from({ length: rows.count }, (_, i) =>
        mean(rows.values.subarray(i * rows.width, (i + 1) * rows.width)),
      ),
      ...along.directions.map((_, index) => projections(rows, along, index)),
    ];
    for (const [index, name] of names.entries()) {
      for (let i = 0; i < rows.count; i++) {
        const at = step - block.length + Math.floor(i / chains);
        scalars[name]![i % chains]![at] = measured[index]![i]!;
      }
    }
    block = [];
  };
  for await (const data of chain.walk({ count: chains, seed })) {
    step += 1;
    block.push(data);
    if (wanted.has(step)) states.push({ step, data });
    if (block.length === blockSteps || step === steps) await measure();
    if (step === steps) break;
  }
  return { steps, scalars, states };
}

function joined(tensors: readonly HostTensor[]): HostTensor {
  const [count, ...shape] = tensors[0]!.shape as [number, ...number[]];
  const size = tensors[0]!.data.length;
  const values = new Float32Array(tensors.length * size);
  for (const [index, { data }] of tensors.entries()) values.set(data as Float32Array, index * size);
  return hostTensor('float32', [tensors.length * count, ...shape], values);
}
