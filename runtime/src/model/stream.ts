import type { ProgramEntry } from '../bundle/manifest-schema.ts';
import { UserError } from '../errors.ts';
import { randomSeed } from '../noise/noise.ts';
import { allocate, type HostTensor, sizeOf } from '../program/tensor.ts';
import { canStream, drawsParts, streamProgram } from './abilities.ts';
import {
  batchOptions,
  conditionsFor,
  drawScalar,
  givenLabels,
  labelsFor,
  nameOf,
  outputOf,
  scalarsOnly,
} from './arguments.ts';
import { checkCount } from './batches.ts';
import type { RunnableModel, StreamPart, StreamRequest } from './contract.ts';
import { checkSources, type InputSources } from './inputs.ts';
import { nextCarries } from './next-carries.ts';

/**
 * Draws samples part by part, all of them in step: the same noise goes into the same arithmetic as in `sample` (or,
 * with `given`, in `complete`), so that the parts together are its samples. A part is computed when it is asked for.
 * @throws UserError when the model cannot stream or the request makes no sense (at the first part).
 */
export async function* streamSamples(
  model: RunnableModel,
  request: StreamRequest,
): AsyncGenerator<StreamPart, void, undefined> {
  if (canStream(model) && !drawsParts(model)) {
    // Few models have chains: a page loads this with the first of them.
    const { streamChain } = await import('./stream-chain.ts');
    return yield* streamChain(model, request);
  }
  const { count, seed = randomSeed(), firstIndex = 0, given, draw, stepsPerRun: __, ...others } = request;
  const { label, labels: distribution, batchSize: _, signal, onBatch: ___, conditions, ...rest } = others;
  const { manifest } = model;
  if (!drawsParts(model)) {
    throw new UserError(
      `model ${nameOf(model)} (${manifest.family}) cannot stream: it draws a sample in one piece; use sample`,
    );
  }
  checkCount('count', count);
  const entry = model.program(streamProgram);
  const { chunks } = entry.stream!;
  const whole = manifest.data.shape;
  const soFar = zeros('float32', [count, ...whole]);
  if (given !== undefined) checkGiven(given, count, whole);
  const length = chunkLength(entry);
  const options = batchOptions(request);
  const labels = labelsFor(model, streamProgram, { label, labels: distribution, seed, firstIndex, count });
  // Classes in turn would rarely be those of the examples that are continued.
  if (given !== undefined) givenLabels(model, streamProgram, label, count);
  const { programs } = manifest;
  const scalars = {
    ...scalarsOnly(rest),
    ...drawScalar({ name: nameOf(model), programs }, 'sample', programs.sample?.inputs ?? {}, draw),
  };
  if ('known' in scalars) throw new UserError('stream: say what is known as given: { data, known }');
  const allConditions = conditionsFor(conditions, count);
  let carries: Record<string, HostTensor> | undefined;
  for (let index = 0; index < chunks; index++) {
    const start = index * length;
    const size = Math.min(length, whole[0]! - start);
    const known = given === undefined ? 0 : Math.max(0, Math.min(length, given.known - start));
    const sources: InputSources = {
      seed,
      firstIndex,
      count,
      ...labels,
      ...allConditions,
      scalars: { ...scalars, ...('known' in entry.inputs ? { known } : {}) },
      data: part(given?.data ?? soFar, start, length),
      chunk: { index, of: given === undefined ? 'sample' : 'complete' },
      ...(carries === undefined ? {} : { carries }),
    };
    if (index === 0) checkSources(streamProgram, entry.inputs, sources);
    signal?.throwIfAborted();
    const outputs = await model.run(streamProgram, sources, options);
    carries = nextCarries(entry, outputs);
    const data = part(outputOf(model, streamProgram, outputs, 'data'), 0, size);
    copyInto(soFar, data, start);
    yield { seed, index, chunks, start, data, soFar };
  }
}

function chunkLength({ outputs }: ProgramEntry): number {
  return Object.values(outputs).find(({ meaning }) => meaning === 'data')!.shape[0]!;
}

function checkGiven(
  { data, known }: NonNullable<StreamRequest['given']>,
  count: number,
  shape: readonly number[],
): void {
  const expected = [count, ...shape];
  if (data.dtype !== 'float32' || String(data.shape) !== String(expected)) {
    throw new UserError(
      `stream: given data: expected float32 [${expected}], got ${data.dtype} [${data.shape}]`,
    );
  }
  if (Number.isSafeInteger(known) && known >= 0 && known <= shape[0]!) return;
  throw new UserError(`stream: known: expected a whole number from 0 to ${shape[0]}, got ${String(known)}`);
}

/** Entries `start` to `start + length` along the axis after the batch, zeros past the end. */
function part(tensor: HostTensor, start: number, length: number): HostTensor {
  const [count = 0, , ...rest] = tensor.shape;
  const from = tensor.shape[1]!;
  if (start === 0 && length === from) return tensor;
  const out = zeros(tensor.dtype, [count, length, ...rest]);
  const inner = sizeOf(rest);
  const taken = Math.min(length, from - start);
  for (let i = 0; i < count; i++) {
    const at = (i * from + start) * inner;
    out.data.set(tensor.data.subarray(at, at + taken * inner), i * length * inner);
  }
  return out;
}

function copyInto(whole: HostTensor, data: HostTensor, start: number): void {
  const [count = 0, length = 0, ...rest] = data.shape;
  const inner = sizeOf(rest);
  for (let i = 0; i < count; i++) {
    const row = data.data.subarray(i * length * inner, (i + 1) * length * inner);
    whole.data.set(row, (i * whole.shape[1]! + start) * inner);
  }
}

function zeros(dtype: HostTensor['dtype'], shape: readonly number[]): HostTensor {
  return { dtype, shape, data: allocate(dtype, sizeOf(shape)) } as HostTensor;
}
