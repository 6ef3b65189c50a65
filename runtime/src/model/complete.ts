import type { Bundle } from '../bundle/bundle.ts';
import { UserError } from '../errors.ts';
import type { Seed } from '../noise/noise.ts';
import type { HostTensor } from '../program/tensor.ts';
import type { BatchOptions, Sampler, Samples } from './sampler.ts';
import { givenLabels, outputOf, randomSeed, rows, scalarsOnly } from './sampler-arguments.ts';

const completeProgram = 'complete';
/** Names of the scalar that says how much is known, by the kind of data. */
const knownNames = ['rows', 'samples'];

export interface CompleteRequest extends BatchOptions {
  /** Examples in the data set's own range, [n, ...shape]; only their beginnings are looked at. */
  readonly data: HostTensor;
  /** How much of each is kept: rows of an image, or audio samples. */
  readonly known: number;
  /** A random one when absent; the result says which. */
  readonly seed?: Seed;
  /** Index of the first example, which keys its noise; 0 when absent. */
  readonly firstIndex?: number;
  /** One class for all examples, or one for each; models with classes need it. */
  readonly label?: number | Int32Array;
  /** The program's scalars by name, such as `temperature: 0.8`. */
  readonly [scalar: string]: number | bigint | Int32Array | AbortSignal | HostTensor | undefined;
}

/** What a model completes: `unit` is what `known` counts, `most` the number of them in an example. */
export interface Completion {
  readonly unit: 'rows' | 'samples';
  readonly most: number;
}

/** What a model can complete. @throws UserError when it can complete nothing. */
export function completionOf({ manifest }: Pick<Bundle, 'manifest'>): Completion {
  const inputs = manifest.programs[completeProgram]?.inputs ?? {};
  const unit = knownNames.find((name) => inputs[name]?.role === 'scalar');
  if (unit === undefined) {
    throw new UserError(
      `model ${manifest.name} (${manifest.family}) cannot complete: it has no program 'complete' that continues an example`,
    );
  }
  return { unit: unit as Completion['unit'], most: manifest.data.shape[0]! };
}

/**
 * Keeps the beginning of each example and draws the rest given it.
 * @param run `Sampler.run` of the bundle
 * @throws UserError when the model cannot complete or the request makes no sense.
 */
export async function completeExamples(
  bundle: Bundle,
  run: Sampler['run'],
  request: CompleteRequest,
): Promise<Samples> {
  const { data, known, seed = randomSeed(), firstIndex = 0, label, batchSize, signal, ...rest } = request;
  const { unit, most } = completionOf(bundle);
  if (!Number.isSafeInteger(known) || known < 0 || known > most) {
    throw new UserError(`complete: known: expected 0 to ${most} ${unit}, got ${String(known)}`);
  }
  const count = rows(data);
  const options = {
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(signal === undefined ? {} : { signal }),
  };
  const labels = givenLabels(bundle, completeProgram, label, count);
  const scalars = { ...scalarsOnly(rest), [unit]: known };
  const outputs = await run(completeProgram, { data, seed, firstIndex, count, ...labels, scalars }, options);
  return { seed, outputs, data: outputOf(bundle, completeProgram, outputs, 'data') };
}
