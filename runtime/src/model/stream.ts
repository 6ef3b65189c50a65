import type { ProgramEntry } from '../bundle/manifest.ts';
import { UserError } from '../errors.ts';
import type { LabelDistribution } from '../noise/labels.ts';
import type { Seed } from '../noise/noise.ts';
import { nextOf } from '../program/program.ts';
import { allocate, type HostTensor, sizeOf } from '../program/tensor.ts';
import { checkCount } from './batches.ts';
import { canStream, streamProgram } from './can-stream.ts';
import { checkSources, type InputSources } from './inputs.ts';
import type { BatchOptions, Sampler } from './sampler.ts';
import {
  type BundleView,
  givenLabels,
  labelsFor,
  outputOf,
  randomSeed,
  scalarsOnly,
} from './sampler-arguments.ts';

export interface StreamRequest extends BatchOptions {
  readonly count: number;
  /** A random one when absent; every part says which. */
  readonly seed?: Seed;
  /** Index of the first sample, 0 when absent. */
  readonly firstIndex?: number;
  /** One class for all samples, or one for each; sample i gets class i modulo their number when absent. */
  readonly label?: number | Int32Array;
  /** How samples without a label get their classes: in turn (`balanced`, when absent), or as in the training data. */
  readonly labels?: LabelDistribution;
  /** Begins every sample with the first `known` rows, or audio samples, of an example: data [count, ...shape]. */
  readonly given?: { readonly data: HostTensor; readonly known: number };
  /** The program's scalars by name, such as `temperature: 0.8`. */
  readonly [scalar: string]: number | bigint | string | Int32Array | AbortSignal | StreamRequest['given'];
}

/** One part of a stream of samples: some rows of images, or a stretch of sound. */
export interface StreamPart {
  readonly seed: Seed;
  /** Which part this is, of `chunks`. */
  readonly index: number;
  readonly chunks: number;
  /** Where it begins: the first row, or audio sample. */
  readonly start: number;
  /** This part alone, [count, length, ...]; the last may be shorter than the others. */
  readonly data: HostTensor;
  /**
   * The samples as far as they are drawn, [count, ...shape], zeros where nothing is drawn yet. It is the same tensor
   * in every part, written on as the stream goes on: copy what must not change.
   */
  readonly soFar: HostTensor;
}

/**
 * Draws samples part by part, all of them in step: the same noise goes into the same arithmetic as in `sample` (or,
 * with `given`, in `complete`), so that the parts together are its samples. A part is computed when it is asked for.
 * @param run `Sampler.run` of the bundle
 * @throws UserError when the model cannot stream or the request makes no sense (at the first part).
 */
export async function* streamSamples(
  bundle: BundleView,
  run: Sampler['run'],
  request: StreamRequest,
): AsyncGenerator<StreamPart, void, undefined> {
  const { count, seed = randomSeed(), firstIndex = 0, given, batchSize, signal, ...others } = request;
  const { label, labels: distribution, ...rest } = others;
  const { manifest } = bundle;
  if (!canStream(bundle)) {
    throw new UserError(
      `model ${manifest.name} (${manifest.family}) cannot stream: it draws a sample in one piece; use sample`,
    );
  }
  checkCount('count', count);
  const entry = bundle.program(streamProgram);
  const { chunks } = entry.stream!;
  const whole = manifest.data.shape;
  const soFar = zeros('float32', [count, ...whole]);
  if (given !== undefined) checkGiven(given, count, whole);
  const length = chunkLength(entry);
  const options = {
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(signal === undefined ? {} : { signal }),
  };
  const labels = labelsFor(bundle, streamProgram, { label, labels: distribution, seed, firstIndex, count });
  // Classes in turn would rarely be those of the examples that are continued.
  if (given !== undefined) givenLabels(bundle, streamProgram, label, count);
  const scalars = scalarsOnly(rest);
  if ('known' in scalars) throw new UserError('stream: say what is known as given: { data, known }');
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
      scalars: { ...scalars, ...('known' in entry.inputs ? { known } : {}) },
      data: part(given?.data ?? soFar, start, length),
      chunk: { index, of: given === undefined ? 'sample' : 'complete' },
      ...(carries === undefined ? {} : { carries }),
    };
    if (index === 0) checkSources(streamProgram, entry.inputs, sources);
    signal?.throwIfAborted();
    const outputs = await run(streamProgram, sources, options);
    carries = nextCarries(entry, outputs);
    const data = part(outputOf(bundle, streamProgram, outputs, 'data'), 0, size);
    copyInto(soFar, data, start);
    yield { seed, index, chunks, start, data, soFar };
  }
}

/** What an `advance` program returned, as the carries of the next call. */
export function nextCarries(
  { inputs }: Pick<ProgramEntry, 'inputs'>,
  outputs: Readonly<Record<string, HostTensor>>,
): Record<string, HostTensor> {
  const names = Object.keys(inputs).filter((name) => inputs[name]!.role === 'carry');
  return Object.fromEntries(names.map((name) => [name, outputs[nextOf(name)]!]));
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
