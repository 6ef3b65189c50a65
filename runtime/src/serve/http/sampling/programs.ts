import { setImmediate } from 'node:timers/promises';
import type { Response } from 'express';
import { spread } from '../../../model/arguments.ts';
import type { RunnableModel } from '../../../model/contract.ts';
import type { InputSources } from '../../../model/inputs.ts';
import { randomSeed, type Seed } from '../../../noise/noise.ts';
import type { InputSpec } from '../../../program/program.ts';
import { type HostTensor, hostTensor, sizeOf } from '../../../program/tensor.ts';
import type { RunResult, ServedModel } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { tensorFromJson } from '../json-tensor.ts';
import { runFor } from '../request-scope.ts';

/** The model that a request means, as the model operations take it: its programs run in the engine, for the request. */
export interface RequestModel extends RunnableModel {
  readonly name: string;
  /** The version that answered last. */
  readonly version: () => string;
}

/** A served model for the operations of a request. */
export function requestModel(context: ServerContext, response: Response, model: ServedModel): RequestModel {
  return modelOver(model, (program, sources) => runFor(context, response, { model, program, sources }));
}

/** A served model for the operations, over whatever runs its programs. */
export function modelOver(
  model: ServedModel,
  run: (program: string, sources: InputSources) => Promise<RunResult>,
): RequestModel {
  const { name, manifest } = model;
  let { version } = model;
  return {
    name,
    manifest,
    version: () => version,
    program: (program) => {
      inputsOf(model, program);
      return manifest.programs[program]!;
    },
    run: async (program, sources) => {
      const result = await run(program, sources);
      version = result.version;
      return result.outputs;
    },
  };
}

/** The inputs of a program, by name. @throws HttpError 400 naming the programs there are. */
export function inputsOf({ name, manifest }: ServedModel, program: string): Record<string, InputSpec> {
  if (Object.hasOwn(manifest.programs, program)) return manifest.programs[program]!.inputs;
  const known = Object.keys(manifest.programs).join(', ');
  throw new HttpError(400, `model ${name} has no program '${program}' (it has: ${known})`);
}

/** The input of a role that takes a tensor. @throws HttpError 400 when the program has none. */
export function inputOfRole(
  model: ServedModel,
  program: string,
  role: 'data' | 'latent',
): InputSpec & { readonly role: 'data' | 'latent' } {
  const spec = Object.values(inputsOf(model, program)).find((input) => input.role === role);
  if (spec?.role === role) return spec;
  throw new HttpError(400, `program ${program} of model ${model.name} takes no ${role}`);
}

/**
 * Examples or codes of a request's field, as the program's input of the role wants them.
 * @param maxCount that there may be
 */
export function tensorField(maxCount: number, where: string, spec: InputSpec, value: unknown): HostTensor {
  if (value === undefined)
    throw new HttpError(400, `${where}: expected nested lists of numbers, got nothing`);
  return tensorFromJson(where, spec.dtype, spec.shape, value, maxCount);
}

/** How many examples a request is about; one stands for all that are asked for. @throws HttpError 400. */
export function rowsAsked({ shape }: HostTensor, count: number | undefined): number {
  const rows = shape[0]!;
  // `samples` has a count of 1 where none is said.
  if (count === undefined || count === rows || (count === 1 && rows > 1)) return rows;
  if (rows === 1) return count;
  throw new HttpError(400, `count: expected ${rows}, one for each example given, got ${count}`);
}

/** Values that are copied before others get their turn: 4 MB of them. */
const valuesPerTurn = 2 ** 20;

/** One example, `rows` times; others as they are. Many large ones take a second to copy: others get turns between. */
export async function repeated(given: HostTensor, rows: number): Promise<HostTensor> {
  if (given.shape[0] === rows) return given;
  const shape = [rows, ...given.shape.slice(1)];
  const size = sizeOf(given.shape);
  const values = new Float32Array(sizeOf(shape));
  let turns = 0;
  for (let row = 0; row < rows; row++) {
    values.set(given.data, row * size);
    if (((row + 1) * size) / valuesPerTurn < turns + 1) continue;
    turns = Math.floor(((row + 1) * size) / valuesPerTurn);
    await setImmediate();
  }
  return hostTensor(given.dtype, shape, values);
}

/** What draws noise for a request: the seed given, or a random one if the program has noise at all. */
export function seedFor(model: ServedModel, program: string, given: Seed | undefined): Seed | undefined {
  const noisy = Object.values(inputsOf(model, program)).some(({ role }) => role === 'noise');
  return noisy ? (given ?? randomSeed()) : undefined;
}

/**
 * The field `label` of a request, as the operations take it.
 * @param needed whether a model with classes must be told: taken in turn, the classes of given examples would rarely
 * be right
 * @throws HttpError 400 when the program takes none, or needs one.
 */
export function labelField(
  model: ServedModel,
  program: string,
  label: number | readonly number[] | undefined,
  { count, needed }: { readonly count: number; readonly needed: boolean },
): { readonly label?: Int32Array } {
  const spec = Object.values(inputsOf(model, program)).find(({ role }) => role === 'label');
  if (spec?.role !== 'label') {
    if (label === undefined) return {};
    throw new HttpError(400, `label: program ${program} of model ${model.name} takes no label`);
  }
  if (label === undefined) {
    if (!needed) return {};
    throw new HttpError(
      400,
      `label: program ${program} of model ${model.name} needs one, 0 to ${spec.classes - 1}`,
    );
  }
  const labels = typeof label === 'number' ? spread(label, count) : Int32Array.from(label);
  if (labels.length !== count) {
    throw new HttpError(400, `label: expected ${count} classes, one for each sample, got ${labels.length}`);
  }
  const wrong = labels.find((value) => value >= spec.classes);
  if (wrong === undefined) return { label: labels };
  throw new HttpError(400, `label: expected a class from 0 to ${spec.classes - 1}, got ${wrong}`);
}

/**
 * The fields of a body that are no others': the program's scalars.
 * @throws HttpError 400 when the program does not have one.
 */
export function scalarFields(
  model: ServedModel,
  program: string,
  body: Readonly<Record<string, unknown>>,
  fields: readonly string[],
): Record<string, number> {
  const inputs = inputsOf(model, program);
  const names = Object.keys(inputs).filter((name) => inputs[name]!.role === 'scalar');
  const extra = Object.keys(body).filter((name) => !fields.includes(name));
  const unknown = extra.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new HttpError(
      400,
      `${unknown.slice(0, 60)}: neither a field of this request nor a scalar of program ${program} (it has: ${names.join(', ') || 'none'})`,
    );
  }
  return Object.fromEntries(extra.map((name) => [name, body[name] as number]));
}
