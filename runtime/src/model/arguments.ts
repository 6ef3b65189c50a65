import { UserError } from '../errors.ts';
import { drawLabels, type LabelDistribution } from '../noise/labels.ts';
import type { Seed } from '../noise/noise.ts';
import { type InputSpec, meanScalar, type OutputMeaning } from '../program/program.ts';
import { allocate, type HostTensor } from '../program/tensor.ts';
import type { BatchOptions, DrawKind, ModelView } from './contract.ts';

/** What errors call a model. */
export function nameOf({ name, manifest }: Pick<ModelView, 'name' | 'manifest'>): string {
  return name ?? manifest.name;
}

/** Seed of noise that is not the caller's concern. */
export const defaultSeed = 42;

/** One label for each sample. @throws UserError when the label is no whole number. */
export function spread(label: number | Int32Array, count: number): Int32Array {
  if (typeof label !== 'number') return Int32Array.from(label);
  // Int32Array would wrap or cut what it cannot hold, and another class would be drawn.
  if ((label | 0) !== label) throw new UserError(`label: expected a whole number, got ${label}`);
  return new Int32Array(count).fill(label);
}

/**
 * The scalar that makes a program draw samples or means; what its manifest says when neither is asked for.
 * @throws UserError when the program has no means to give, or nothing but means.
 */
export function drawScalar(
  { name, programs }: Pick<ModelView['manifest'], 'name' | 'programs'>,
  program: string,
  inputs: Readonly<Record<string, InputSpec>>,
  draw: DrawKind | undefined,
): Record<string, number> {
  if (draw === undefined) return {};
  if (draw !== 'sample' && draw !== 'mean') {
    throw new UserError(`draw: expected sample or mean, got ${String(draw)}`);
  }
  if (inputs[meanScalar]?.role === 'scalar') return { [meanScalar]: draw === 'mean' ? 1 : 0 };
  // A bound over codes (normal noise of log-weights) without the scalar, and nothing that values are drawn by: VAEs of
  // earlier releases, which decode alone.
  const noise = (of: Readonly<Record<string, InputSpec>>, distribution: 'normal' | 'uniform') =>
    Object.values(of).some((spec) => spec.role === 'noise' && spec.distribution === distribution);
  const means =
    program === 'sample' && noise(programs.logWeight?.inputs ?? {}, 'normal') && !noise(inputs, 'uniform');
  if ((draw === 'mean') === means) return {};
  throw new UserError(
    means
      ? `draw: program ${program} of ${name}, exported by an earlier release, gives means alone: export the model again, or ask for the mean`
      : `draw: program ${program} of ${name} draws samples; it has no means to give`,
  );
}

/**
 * Classes drawn as they are in the training data, for a program that takes a class.
 * @throws UserError when the program takes none, or the bundle does not say how frequent they are.
 */
export function dataLabels(
  model: Pick<ModelView, 'name' | 'manifest'>,
  program: string,
  inputs: Readonly<Record<string, InputSpec>>,
  key: { readonly seed: Seed; readonly firstIndex: number; readonly count: number },
): Int32Array {
  const spec = Object.values(inputs).find(({ role }) => role === 'label');
  if (spec?.role !== 'label')
    throw new UserError(`labels: program ${program} of ${nameOf(model)} takes no class`);
  const { classFrequencies: frequencies } = model.manifest.data;
  if (frequencies?.length === spec.classes && frequencies.some((frequency) => frequency > 0)) {
    return drawLabels(frequencies, key);
  }
  throw new UserError(
    frequencies === undefined
      ? `labels: model ${nameOf(model)} does not say how frequent the classes of its training data are: train and export it again, or draw them balanced`
      : `labels: model ${nameOf(model)} has frequencies of ${frequencies.length} classes, program ${program} takes ${spec.classes}: draw them balanced`,
  );
}

/** What decides the classes of samples. */
export interface LabelRequest {
  readonly label?: number | Int32Array;
  readonly labels?: LabelDistribution;
  readonly seed: Seed;
  readonly firstIndex: number;
  readonly count: number;
}

/**
 * Labels for a program that draws samples; none given, the samples take their classes in turn, or by the frequencies
 * of the training data.
 * @throws UserError when there is a label and the program takes none, or when both are asked for.
 */
export function labelsFor(
  model: ModelView,
  program: string,
  { label, labels: distribution, ...key }: LabelRequest,
): { readonly labels?: Int32Array } {
  if (distribution !== undefined && distribution !== 'balanced' && distribution !== 'data') {
    throw new UserError(`labels: expected balanced or data, got ${String(distribution)}`);
  }
  if (label !== undefined && distribution !== undefined)
    throw new UserError('labels: say a label, or labels, not both');
  if (distribution === 'data') {
    return { labels: dataLabels(model, program, model.program(program).inputs, key) };
  }
  if (label === undefined) return {};
  if (!Object.values(model.program(program).inputs).some(({ role }) => role === 'label')) {
    throw new UserError(`program ${program} of ${nameOf(model)} takes no label, got ${String(label)}`);
  }
  return { labels: spread(label, key.count) };
}

/** Number of examples in a batch. @throws UserError when there are none. */
export function rows({ shape }: HostTensor): number {
  const count = shape[0] ?? 0;
  if (count < 1) throw new UserError(`expected at least one example, [n, ...shape], got shape [${shape}]`);
  return count;
}

/**
 * Labels for a program that takes examples or codes: taken in turn they would rarely be the right ones, so a program
 * with classes needs them.
 * @throws UserError when it does and there are none.
 */
export function givenLabels(
  model: ModelView,
  program: string,
  label: number | Int32Array | undefined,
  count: number,
): { readonly labels?: Int32Array } {
  const specs = Object.values(model.program(program).inputs);
  const spec = specs.find(({ role }) => role === 'label');
  if (spec?.role !== 'label') return {};
  if (label === undefined) {
    throw new UserError(`program ${program} of ${nameOf(model)} needs a label, 0 to ${spec.classes - 1}`);
  }
  return { labels: spread(label, count) };
}

/**
 * Conditions for so many samples: one that is given once is the same for all.
 * @throws UserError when there are neither one nor as many as samples.
 */
export function conditionsFor(
  conditions: Readonly<Record<string, HostTensor>> | undefined,
  count: number,
): { readonly conditions?: Readonly<Record<string, HostTensor>> } {
  if (conditions === undefined) return {};
  const all = Object.entries(conditions).map(([name, tensor]) => {
    const given = tensor.shape[0] ?? 0;
    if (given === count) return [name, tensor];
    if (given !== 1)
      throw new UserError(
        `condition ${name}: expected 1 or ${count}, one for each sample, got [${tensor.shape}]`,
      );
    const data = allocate(tensor.dtype, count * tensor.data.length);
    for (let i = 0; i < count; i++) data.set(tensor.data, i * tensor.data.length);
    return [name, { ...tensor, shape: [count, ...tensor.shape.slice(1)], data }];
  });
  return { conditions: Object.fromEntries(all) as Record<string, HostTensor> };
}

/** How to cut a call into runs: the options of a request that are there. */
export function batchOptions({ batchSize, signal, onBatch }: BatchOptions): BatchOptions {
  return {
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(signal === undefined ? {} : { signal }),
    ...(onBatch === undefined ? {} : { onBatch }),
  };
}

/** The options that are a program's scalars. @throws UserError when one is no number. */
export function scalarsOnly(options: Readonly<Record<string, unknown>>): Record<string, number> {
  const scalars: Record<string, number> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (typeof value !== 'number') {
      throw new UserError(`sample: option '${name}': expected a number, got ${String(value)}`);
    }
    scalars[name] = value;
  }
  return scalars;
}

/** A program's output of one meaning. @throws UserError when it has none. */
export function outputOf(
  model: ModelView,
  program: string,
  outputs: Readonly<Record<string, HostTensor>>,
  meaning: OutputMeaning,
): HostTensor {
  const specs = Object.entries(model.program(program).outputs);
  const name = specs.find(([, spec]) => spec.meaning === meaning)?.[0];
  const tensor = name === undefined ? undefined : outputs[name];
  if (tensor !== undefined) return tensor;
  throw new UserError(`program ${program} of ${nameOf(model)} has no output that is ${meaning}`);
}
