import { UserError } from '../errors.ts';
import { chainScalars, type ProgramSignature } from '../program/program.ts';
import { type HostTensor, hostTensor, sizeOf } from '../program/tensor.ts';
import { canWalk, transitionProgram } from './abilities.ts';
import { nameOf, outputOf } from './arguments.ts';
import { checkCount } from './batches.ts';
import type { RunnableModel } from './contract.ts';
import type { InputSources } from './inputs.ts';
import { nextCarries } from './next-carries.ts';

/** Values of examples that a chain may not change: after each step they are put back. */
export interface Held {
  /** Examples in the data set's own range, [count, ...shape], or [1, ...shape] for all chains. */
  readonly data: HostTensor;
  /** Of one example, flattened: 1 where its value is held, 0 where it is free. */
  readonly mask: Uint8Array;
}

/** Which steps of which chains are taken. */
export interface WalkRequest {
  /** Chains side by side. */
  readonly count: number;
  /** Of the noise, which is keyed by the seed, the chain and the number of the step. */
  readonly seed: number;
  /** Number of the first step that is taken; 0, when absent, starts chains. */
  readonly step?: number;
  /** Of a walk that goes on from another: what its last part returned. */
  readonly carries?: Readonly<Record<string, HostTensor>>;
  /** Examples that the chains start at, [count, ...shape] or [1, ...shape], in place of the chain's own start. */
  readonly start?: HostTensor;
  readonly held?: Held;
  /** The program's scalars by name, such as `temperature`. */
  readonly scalars?: Readonly<Record<string, number>>;
  readonly signal?: AbortSignal;
}

/** Where chains are after a step. */
export interface WalkPart {
  /** Number of the next step. */
  readonly step: number;
  /** Examples, [count, ...shape]: the states, or with the scalar `mean` 1 their means. */
  readonly data: HostTensor;
  /** What the next step takes. */
  readonly carries: Readonly<Record<string, HostTensor>>;
}

/**
 * Follows the Markov chain of a model, a part after each step, without end: leaving the loop or the signal ends it. With
 * a held part the chain is that of the free values given the held ones, where a step draws the former given all the
 * others through latent variables, as Gibbs steps do. Chains that start at examples begin with those as they are and with
 * all other carries at their initial values.
 * @throws UserError when the model has no such chain, or the request makes no sense.
 */
export async function* walkChain(
  model: RunnableModel,
  request: WalkRequest,
): AsyncGenerator<WalkPart, void, undefined> {
  const { count, seed, start, held, scalars, signal } = request;
  const signature = transitionOf(model);
  checkCount('count', count);
  const given = start !== undefined || held !== undefined ? exampleCarry(model, signature) : undefined;
  const { shape } = model.manifest.data;
  if (start !== undefined) checkExamples('start', start, count, shape);
  if (held !== undefined) checkHeld(held, count, shape);
  let step = Math.max(request.step ?? 0, start === undefined ? 0 : 1);
  let carries = start === undefined ? request.carries : { [given!.name]: placed(start, count, given!.width) };
  if (step > 0 && carries === undefined)
    throw new UserError(`walk: step ${step} needs the carries of the step before it`);
  const hold = (before: Readonly<Record<string, HostTensor>>) =>
    held === undefined
      ? before
      : { ...before, [given!.name]: withHeld(before[given!.name]!, held, count, given!.width) };
  for (;;) {
    signal?.throwIfAborted();
    const sources: InputSources = {
      ...{ seed, firstIndex: 0, count },
      scalars: { ...scalars, [chainScalars.from]: step, [chainScalars.to]: step + 1 },
      chunk: { index: step, of: 'sample', parts: 1 },
      ...(carries !== undefined && { carries: hold(carries) }),
    };
    const outputs = await model.run(transitionProgram, sources, {
      batchSize: count,
      ...(signal && { signal }),
    });
    step += 1;
    carries = hold(nextCarries(signature, outputs));
    const data = outputOf(model, transitionProgram, outputs, 'data');
    yield {
      step,
      data: held === undefined ? data : withHeld(data, held, count, held.mask.length),
      carries,
    };
  }
}

function transitionOf(model: RunnableModel): ProgramSignature {
  if (canWalk(model)) return model.program(transitionProgram);
  throw new UserError(
    `model ${nameOf(model)} (${model.manifest.family}) has no Markov chain to follow: it has no program '${transitionProgram}'; a model of a chain that was exported by an earlier release has to be exported again`,
  );
}

/** The carry that holds examples, and its values in a row. @throws UserError where there is none. */
function exampleCarry(model: RunnableModel, { chain, inputs }: ProgramSignature) {
  const name = chain?.example;
  if (name !== undefined) return { name, width: sizeOf(inputs[name]!.shape) };
  throw new UserError(
    `walk: the chain of ${nameOf(model)} is not on examples: it starts at noise, and nothing of it can be held`,
  );
}

function checkHeld({ data, mask }: Held, count: number, shape: readonly number[]): void {
  checkExamples('held data', data, count, shape);
  if (mask.length === sizeOf(shape)) return;
  throw new UserError(`walk: held mask: expected ${sizeOf(shape)} values, got ${mask.length}`);
}

/** @throws UserError for other than [count, ...shape] or [1, ...shape]. */
function checkExamples(
  what: string,
  { dtype, shape: found }: HostTensor,
  count: number,
  shape: readonly number[],
): void {
  const [rows, ...rest] = found;
  if (dtype === 'float32' && (rows === 1 || rows === count) && String(rest) === String(shape)) return;
  throw new UserError(
    `walk: ${what}: expected float32 [${[count, ...shape]}] or [${[1, ...shape]}], got ${dtype} [${found}]`,
  );
}

/** Rows of a carry that begin with examples, zeros after them. */
function placed(examples: HostTensor, count: number, width: number): HostTensor {
  const values = new Float32Array(count * width);
  const rows = examples.shape[0]!;
  const size = examples.data.length / rows;
  for (let i = 0; i < count; i++) {
    const row = (i % rows) * size;
    values.set(examples.data.subarray(row, row + size), i * width);
  }
  return hostTensor('float32', [count, width], values);
}

/** A tensor of `count` rows of this width, which begin with the values of an example, with what is held put back. */
function withHeld(tensor: HostTensor, { data, mask }: Held, count: number, width: number): HostTensor {
  const values = Float32Array.from(tensor.data);
  const rows = data.shape[0]!;
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < mask.length; j++) {
      if (mask[j] !== 0) values[i * width + j] = data.data[(i % rows) * mask.length + j]!;
    }
  }
  return hostTensor('float32', tensor.shape, values);
}
