import { UserError } from '../errors.ts';
import { type ChainSpec, chainScalars, type ProgramSignature } from '../program/program.ts';
import type { HostTensor } from '../program/tensor.ts';
import { BatchCollector, checkCount, sliceSources } from './batches.ts';
import { chainSteps } from './chain-length.ts';
import type { BatchOptions, RunProgram } from './contract.ts';
import type { InputSources } from './inputs.ts';
import { nextCarries } from './next-carries.ts';

/** How a chain is cut into runs of its program. */
export interface ChainOptions extends BatchOptions {
  /** Steps in one run; as many as the program takes when absent. */
  readonly stepsPerRun?: number | undefined;
  /** Called after each run with the steps that are taken and their number in all, batch after batch, and waited for. */
  readonly onSteps?: ((done: number, of: number) => void | Promise<void>) | undefined;
}

/** What is needed of a model: its programs' signatures, and something that runs them. */
export interface ChainModel {
  program(name: string): ProgramSignature;
  readonly run: RunProgram;
}

/** Samples whose chains go on side by side when nothing is said. */
const defaultBatchSize = 64;

/**
 * Runs a program's chain from its first step to its last, for some samples after others. Only the noise of the steps of a
 * run is held at a time: memory does not grow with the length of the chain. A step's noise is keyed by the seed, the
 * sample and the number of the step, so that neither the batch nor the steps in a run matter.
 * @returns every output of the last step but the carries, [count, ...shape]
 * @throws UserError when the program has no chain, or a run would have more steps than it takes.
 */
export async function runChain(
  model: ChainModel,
  program: string,
  sources: InputSources,
  { batchSize = defaultBatchSize, signal, onBatch, onSteps, stepsPerRun }: ChainOptions = {},
): Promise<Record<string, HostTensor>> {
  const signature = model.program(program);
  const steps = chainSteps(program, signature, sources);
  checkSteps(signature.chain!, stepsPerRun);
  checkCount('batchSize', batchSize);
  const collected = new BatchCollector(`program ${program}`, sources.count);
  const batches = Math.ceil(sources.count / batchSize);
  for (let start = 0; start < sources.count; start += batchSize) {
    const count = Math.min(batchSize, sources.count - start);
    const batch = sliceSources(sources, start, count);
    let outputs: Record<string, HostTensor> = {};
    const options = { batchSize: count, stepsPerRun, ...(signal && { signal }) };
    for await (const run of chainRuns(model, program, batch, options)) {
      outputs = run.outputs;
      await onSteps?.((start / batchSize) * steps + run.done, batches * steps);
    }
    const own = Object.entries(outputs).filter(([name]) => signature.outputs[name]?.meaning !== 'carry');
    collected.add(start, count, Object.fromEntries(own));
    await onBatch?.(start + count, sources.count);
  }
  return collected.outputs;
}

/** What a run of a chain's program gave. */
export interface ChainRun {
  /** Steps taken so far. */
  readonly done: number;
  /** Of the program, carries included, [count, ...shape]. */
  readonly outputs: Record<string, HostTensor>;
}

/**
 * The runs of a chain for samples that go side by side, first to last; a run is made when it is asked for.
 * @throws UserError when the program has no chain, or a run would have more steps than it takes.
 */
export async function* chainRuns(
  model: ChainModel,
  program: string,
  sources: InputSources,
  { stepsPerRun, ...options }: Pick<ChainOptions, 'batchSize' | 'signal' | 'stepsPerRun'>,
): AsyncGenerator<ChainRun, void, undefined> {
  const signature = model.program(program);
  const steps = chainSteps(program, signature, sources);
  const { stepsPerCall } = signature.chain!;
  const perRun = checkSteps(signature.chain!, stepsPerRun);
  let outputs: Record<string, HostTensor> = {};
  for (let from = 0; from < steps; from += perRun) {
    options.signal?.throwIfAborted();
    const to = Math.min(steps, from + perRun);
    const part: InputSources = {
      ...sources,
      scalars: { ...sources.scalars, [chainScalars.from]: from, [chainScalars.to]: to },
      chunk: { index: from, of: 'sample', parts: stepsPerCall },
      ...(from === 0 ? {} : { carries: nextCarries(signature, outputs) }),
    };
    outputs = await model.run(program, part, options);
    yield { done: to, outputs };
  }
}

function checkSteps({ stepsPerCall }: ChainSpec, wanted = stepsPerCall): number {
  if (Number.isSafeInteger(wanted) && wanted >= 1 && wanted <= stepsPerCall) return wanted;
  throw new UserError(
    `stepsPerRun: expected a whole number from 1 to ${stepsPerCall}, got ${String(wanted)}`,
  );
}
