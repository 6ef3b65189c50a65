import * as z from 'zod/mini';
import { UserError } from '../errors.ts';
import { chainScalars, nextOf } from '../program/program.ts';
import { rowWidth } from '../program/table-columns.ts';
import { sizeOf } from '../program/tensor.ts';
import {
  bundleFormat,
  bundleVersions,
  type Manifest,
  manifestSchema,
  type ProgramEntry,
  toLaw,
} from './manifest-schema.ts';

/**
 * Checks the contents of a `model.json`. Fields that this version does not know are left out.
 * @param where what errors call the file, such as `runs/vae/bundle/model.json`
 * @throws UserError with the place within the file, what was expected and what was found.
 */
export function parseManifest(json: unknown, where: string): Manifest {
  checkHeader(json, where);
  const result = z.safeParse(manifestSchema, json, { error: (issue) => expectation(issue as Issue) });
  if (result.success) {
    checkColumns(`${where}: data.columns`, result.data);
    for (const [program, entry] of Object.entries(result.data.programs)) {
      checkStream(`${where}: programs.${program}`, entry, result.data.data.shape);
      checkChain(`${where}: programs.${program}`, entry, result.data.data.shape);
      checkExamples(`${where}: programs.${program}`, entry, result.data.data.shape);
      checkWeights(`${where}: programs.${program}`, entry, result.data);
    }
    return result.data;
  }
  const issue = result.error.issues[0] as Issue;
  const place = issue.path.map(String).join('.');
  const found = issue.path.reduce<unknown>(member, json);
  throw new UserError(`${where}: ${place || 'the file'}: ${issue.message}, found ${show(found)}`);
}

/** A program's inputs as files and the server's descriptions have them. */
export function inputsJson(inputs: ProgramEntry['inputs']): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, spec]) => [name, spec.role === 'noise' ? toLaw(spec) : spec]),
  );
}

/** The contents of a `model.json`: what `parseManifest` reads, as bytes. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const programs = Object.entries(manifest.programs).map(([name, entry]) => [
    name,
    { ...entry, inputs: inputsJson(entry.inputs) },
  ]);
  const json = { ...manifest, programs: Object.fromEntries(programs) };
  return new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`);
}

/** Columns of a table must describe as many values as an example has. */
function checkColumns(where: string, { data }: Manifest): void {
  if (data.kind !== 'points' || data.columns === undefined) return;
  const width = rowWidth(data.columns);
  if (width === data.shape[0]) return;
  throw new UserError(`${where}: expected columns that encode ${data.shape[0]} values, found ${width}`);
}

/** A program that carries must return every carry, and its chunks must add up to an example. */
function checkStream(
  where: string,
  { inputs, outputs, stream }: ProgramEntry,
  example: readonly number[],
): void {
  for (const [name, spec] of Object.entries(inputs)) {
    if (spec.role !== 'carry') continue;
    const next = outputs[nextOf(name)];
    if (next?.meaning === 'carry' && next.dtype === spec.dtype && String(next.shape) === String(spec.shape)) {
      continue;
    }
    const found = next === undefined ? 'nothing' : `${next.meaning} ${next.dtype} [${next.shape}]`;
    throw new UserError(
      `${where}.outputs: expected carry '${nextOf(name)}' ${spec.dtype} [${spec.shape}] for the input '${name}', found ${found}`,
    );
  }
  if (stream === undefined) return;
  const chunk = Object.values(outputs).find(({ meaning }) => meaning === 'data')?.shape;
  const [length = 0, ...rest] = chunk ?? [];
  const [whole = 0, ...others] = example;
  if (stream.chunks === Math.ceil(whole / length) && String(rest) === String(others)) return;
  throw new UserError(
    `${where}.stream: expected ${stream.chunks} chunks that add up to data [${example}], found chunks of ${chunk === undefined ? 'nothing' : `[${chunk}]`}`,
  );
}

/** A program of a chain takes the range of its steps, and noise for as many as a call may have. */
function checkChain(
  where: string,
  { inputs, outputs, chain }: ProgramEntry,
  example: readonly number[],
): void {
  if (chain === undefined) return;
  const scalar = Object.values(chainScalars).find((name) => inputs[name]?.role !== 'scalar');
  if (scalar !== undefined)
    throw new UserError(`${where}.inputs: expected the scalar '${scalar}' of a chain, found none`);
  for (const [name, { role, shape }] of Object.entries(inputs)) {
    if (role !== 'noise' || shape[0] === chain.stepsPerCall) continue;
    throw new UserError(
      `${where}.inputs: expected noise '${name}' for ${chain.stepsPerCall} steps, found shape [${shape}]`,
    );
  }
  if (!Object.values(outputs).some(({ meaning }) => meaning === 'data'))
    throw new UserError(`${where}.outputs: expected the data of a chain, found none`);
  if (chain.example === undefined) return;
  const carry = inputs[chain.example];
  if (carry?.role === 'carry' && carry.shape.length === 1 && carry.shape[0]! >= sizeOf(example)) return;
  throw new UserError(
    `${where}.chain.example: expected a carry of at least ${sizeOf(example)} values, found '${chain.example}' ${carry === undefined ? 'nowhere' : `of shape [${carry.shape}]`}`,
  );
}

/** Examples are of one shape, whatever program takes or returns them; a stream's program has a part of one. */
function checkExamples(
  where: string,
  { inputs, outputs, stream }: ProgramEntry,
  example: readonly number[],
): void {
  if (stream !== undefined) return;
  const ports = [
    ...Object.entries(inputs).map(([name, { role, shape }]) => ({
      name,
      place: 'inputs',
      kind: role,
      shape,
    })),
    ...Object.entries(outputs).map(([name, { meaning, shape }]) => ({
      name,
      place: 'outputs',
      kind: meaning,
      shape,
    })),
  ];
  const other = ports.find(({ kind, shape }) => kind === 'data' && String(shape) !== String(example));
  if (other === undefined) return;
  throw new UserError(
    `${where}.${other.place}: expected '${other.name}' to be of the data's shape [${example}], found [${other.shape}]`,
  );
}

/** Weights outside of a program are in files that the manifest lists, in a version that says so. */
function checkWeights(where: string, { weights: names = [] }: ProgramEntry, manifest: Manifest): void {
  const known = (manifest.weights ?? []).map(({ file }) => file);
  const missing = names.find((file) => !known.includes(file));
  if (missing !== undefined) {
    const files = known.join(', ') || 'nothing';
    throw new UserError(
      `${where}.weights: expected files of the manifest's weights (${files}), found '${missing}'`,
    );
  }
  if (names.length > 0 && manifest.version === 1) {
    throw new UserError(`${where}.weights: expected none in a bundle of version 1, found '${names[0]}'`);
  }
}

/** A wrong format or version makes everything after it meaningless, so it is reported by itself. */
function checkHeader(json: unknown, where: string): void {
  const format = member(json, 'format');
  if (format !== bundleFormat) {
    throw new UserError(
      `${where}: not a Generatrix bundle (expected "format": "${bundleFormat}", found ${show(format)})`,
    );
  }
  const version = member(json, 'version');
  if (!bundleVersions.some((known) => known === version)) {
    throw new UserError(
      `${where}: bundle format version ${show(version)} is not one this release reads (${bundleVersions.join(', ')}); export the model again or update Generatrix`,
    );
  }
}

/** The fields of a zod issue that a message needs. */
interface Issue {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly expected?: string;
  readonly values?: readonly unknown[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

function expectation(issue: Issue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${issue.expected === 'int' ? 'a whole number' : issue.expected}`;
    case 'invalid_value':
      return `expected ${issue.values?.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'too_small':
      return `expected at least ${issue.minimum}`;
    case 'too_big':
      return `expected at most ${issue.maximum}`;
    case 'invalid_union':
      return 'expected one of the known kinds';
    case 'invalid_key':
      return 'expected names of letters, digits, dots, dashes and underscores';
    case 'invalid_format':
      return 'expected another form';
    default:
      return undefined;
  }
}

function member(value: unknown, key: PropertyKey): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<PropertyKey, unknown>)[key];
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
