import { UserError } from '../errors.ts';
import { fillNoise, type Seed } from '../noise/noise.ts';
import type { FieldSpec, InputSpec, NoiseOwner } from '../program/program.ts';
import { allocate, type DType, type HostTensor, hostTensor, sizeOf } from '../program/tensor.ts';

/** What a program's inputs are filled from. */
export interface InputSources {
  readonly seed: Seed;
  /** Index of the first sample, which keys its noise and, where none is given, its label. */
  readonly firstIndex: number;
  readonly count: number;
  /** Which of several draws for the same sample this is, 0 when absent; noise of the example is that of draw 0. */
  readonly draw?: number;
  /**
   * Of a program that returns a part of an example at a call: which part this is, and the program for whole examples
   * (`sample`, `complete`) whose noise it takes a part of; of a program that takes steps of a chain, the number of its
   * first step. `parts` is how many parts, or steps, a noise input holds, 1 when absent. The program's own noise when
   * all is absent.
   */
  readonly chunk?: { readonly index: number; readonly of: string; readonly parts?: number };
  /** What the call before returned, by the inputs' names, [count, ...shape]; those absent start anew. */
  readonly carries?: Readonly<Record<string, HostTensor>>;
  /** Examples, [count, ...shape]. */
  readonly data?: HostTensor;
  /** Codes, [count, ...shape]. */
  readonly latent?: HostTensor;
  /** Class of each sample; sample i gets class i modulo the number of classes when absent. */
  readonly labels?: Int32Array;
  /** What each sample is given besides, by the names of the inputs, [count, ...shape]. */
  readonly conditions?: Readonly<Record<string, HostTensor>>;
  /** Scalars by the names of the inputs; those absent keep their defaults. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** Values of inputs by name, [count, ...shape]; they go before what the input's role would give, noise included. */
  readonly tensors?: Readonly<Record<string, HostTensor>>;
}

type Inputs = Readonly<Record<string, InputSpec>>;

/**
 * Fills a program's inputs by their roles: noise from the stream `PROGRAM/INPUT` (see `fillNoise`), the others from
 * the sources. What sample i gets does not depend on the batch that it is in. Sources that no input asks for are
 * left out, but a scalar, a carry or a condition that the program does not have is an error.
 * @throws UserError when a source is missing, has another type or shape than its input, or is out of range.
 */
export function fillInputs(
  program: string,
  inputs: Inputs,
  sources: InputSources,
): Record<string, HostTensor> {
  checkSources(program, inputs, sources);
  return Object.fromEntries(
    Object.entries(inputs).map(([name, spec]) => {
      const value =
        ownTensor(sources, name) === undefined && isUnused(spec, inputs, sources)
          ? constant(spec.dtype, [sources.count, ...spec.shape], 0)
          : fill(program, name, spec, sources);
      return [name, value];
    }),
  );
}

/**
 * What `fillInputs` checks of scalars, where nothing else is known yet.
 * @throws UserError for one that the program does not have, or out of its range.
 */
export function checkScalars(
  program: string,
  inputs: Inputs,
  scalars: Readonly<Record<string, number>> | undefined,
): void {
  checkNames(program, inputs, 'scalar', scalars);
  for (const [name, spec] of Object.entries(inputs)) {
    if (spec.role === 'scalar') checkScalar(`program ${program}: input '${name}'`, spec, scalars?.[name]);
  }
}

/** Everything that `fillInputs` checks, without filling anything. @throws UserError likewise. */
export function checkSources(program: string, inputs: Inputs, sources: InputSources): void {
  checkNames(program, inputs, 'scalar', sources.scalars);
  checkNames(program, inputs, 'carry', sources.carries);
  checkNames(program, inputs, 'condition', sources.conditions);
  checkNames(program, inputs, 'input', sources.tensors);
  for (const [name, spec] of Object.entries(inputs)) {
    const where = `program ${program}: input '${name}'`;
    const given = ownTensor(sources, name);
    if (given) checkGiven(where, spec, given, sources.count);
    else if (spec.role === 'label') checkLabels(where, spec.classes, sources);
    else if (spec.role === 'scalar') checkScalar(where, spec, sources.scalars?.[name]);
    else if (spec.role === 'condition') {
      const condition = sources.conditions?.[name];
      checkTensor(where, spec, condition, sources.count);
      checkTokens(where, spec, condition!);
    } else if (spec.role === 'carry') {
      const carry = sources.carries?.[name];
      if (carry !== undefined) checkTensor(where, spec, carry, sources.count);
    } else if (spec.role !== 'noise') checkTensor(where, spec, sources[spec.role], sources.count);
  }
}

function checkNames(
  program: string,
  inputs: Inputs,
  role: 'scalar' | 'carry' | 'condition' | 'input',
  given: Readonly<Record<string, unknown>> = {},
): void {
  const known = Object.keys(inputs).filter((name) => role === 'input' || inputs[name]!.role === role);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new UserError(
    `program ${program} has no ${role} '${unknown}' (it has: ${known.join(', ') || 'none'})`,
  );
}

function fill(program: string, name: string, spec: InputSpec, sources: InputSources): HostTensor {
  const { seed, firstIndex, count, draw = 0, chunk = { index: 0, of: program, parts: 1 } } = sources;
  const given = ownTensor(sources, name);
  if (given) return given;
  switch (spec.role) {
    case 'noise': {
      const { distribution, shape } = spec;
      const stream = `${chunk.of}/${name}`;
      const skip = (chunk.index * sizeOf(shape)) / (chunk.parts ?? 1);
      const noise = fillNoise({
        distribution,
        seed,
        stream,
        firstIndex,
        count,
        draw: drawOf(spec, draw),
        shape,
        skip,
      });
      return hostTensor('float32', [count, ...shape], noise);
    }
    case 'label': {
      const inTurn = () => Int32Array.from({ length: count }, (_, i) => (firstIndex + i) % spec.classes);
      return hostTensor('int32', [count], sources.labels ?? inTurn());
    }
    case 'scalar':
      return hostTensor(spec.dtype, [], [sources.scalars?.[name] ?? spec.default]);
    case 'condition':
      return sources.conditions![name]!;
    case 'carry':
      return sources.carries?.[name] ?? constant(spec.dtype, [count, ...spec.shape], spec.initial);
    case 'data':
    case 'latent':
      return sources[spec.role]!;
  }
}

/** Noise that was not given and that the program does not look at: drawing it would be for nothing. */
function isUnused(spec: InputSpec, inputs: Inputs, sources: InputSources): boolean {
  if (spec.role !== 'noise' || spec.unless === undefined) return false;
  const scalar = inputs[spec.unless];
  if (scalar?.role !== 'scalar') return false;
  const given = ownTensor(sources, spec.unless)?.data[0] ?? sources.scalars?.[spec.unless];
  return (given ?? scalar.default) === 1;
}

/** Which draw of a noise input goes into draw `draw` of an estimate: what belongs to the example stays the same. */
export function drawOf({ belongsTo }: { readonly belongsTo?: NoiseOwner }, draw: number): number {
  return belongsTo === 'example' ? 0 : draw;
}

function constant(dtype: DType, shape: readonly number[], value: number): HostTensor {
  return { dtype, shape, data: allocate(dtype, sizeOf(shape)).fill(value) } as HostTensor;
}

function ownTensor({ tensors }: InputSources, name: string): HostTensor | undefined {
  return tensors && Object.hasOwn(tensors, name) ? tensors[name] : undefined;
}

/** An input that was given by name: a scalar stays within its bounds, and a class is one of the classes, likewise. */
function checkGiven(where: string, spec: InputSpec, given: HostTensor, count: number): void {
  checkTensor(where, spec, given, count);
  if (spec.role === 'scalar') checkScalar(where, spec, given.data[0]);
  if (spec.role === 'label') {
    checkLabels(where, spec.classes, { labels: given.data as Int32Array, count });
  }
  if (spec.role === 'condition') checkTokens(where, spec, given);
}

function checkTokens(where: string, { tokens }: FieldSpec, { data }: HostTensor): void {
  if (tokens === undefined) return;
  const wrong = (data as Int32Array).find((token) => token < 0 || token >= tokens);
  if (wrong !== undefined)
    throw new UserError(`${where}: token ${wrong} is out of range: the tokens are 0 to ${tokens - 1}`);
}

function checkLabels(
  where: string,
  classes: number,
  { labels, count }: Pick<InputSources, 'labels' | 'count'>,
): void {
  if (labels === undefined) return;
  if (labels.length !== count) {
    throw new UserError(`${where} needs ${count} labels, one for each sample, got ${labels.length}`);
  }
  const wrong = labels.find((label) => label < 0 || label >= classes);
  if (wrong !== undefined) {
    throw new UserError(`${where}: label ${wrong} is out of range: the classes are 0 to ${classes - 1}`);
  }
}

function checkScalar(where: string, spec: InputSpec & { role: 'scalar' }, given: number | undefined): void {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = spec;
  const value = given ?? spec.default;
  const whole = spec.dtype === 'float32' || Number.isSafeInteger(value);
  if (Number.isFinite(value) && value >= min && value <= max && whole) return;
  const kind = spec.dtype === 'float32' ? 'a number' : 'a whole number';
  const bounded = spec.min !== undefined || spec.max !== undefined;
  throw new UserError(
    `${where}: expected ${kind}${bounded ? ` from ${min} to ${max}` : ''}, got ${String(value)}`,
  );
}

function checkTensor(where: string, spec: InputSpec, given: HostTensor | undefined, count: number): void {
  if (given === undefined) throw new UserError(`${where}: ${spec.role} is missing`);
  const shape = spec.role === 'scalar' ? [] : [count, ...spec.shape];
  if (given.dtype !== spec.dtype || String(given.shape) !== String(shape)) {
    throw new UserError(
      `${where}: expected ${spec.role} ${spec.dtype} [${shape}], got ${given.dtype} [${given.shape}]`,
    );
  }
  if (given.data.length !== sizeOf(shape)) {
    throw new UserError(`${where}: shape [${shape}] needs ${sizeOf(shape)} values, got ${given.data.length}`);
  }
}
