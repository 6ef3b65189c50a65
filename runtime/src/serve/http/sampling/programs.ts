import type { Response } from 'express';
import { UserError } from '../../../errors.ts';
import type { InputSources } from '../../../model/inputs.ts';
import { dataLabels, randomSeed, spread } from '../../../model/sampler-arguments.ts';
import type { LabelDistribution } from '../../../noise/labels.ts';
import type { Seed } from '../../../noise/noise.ts';
import type { InputSpec, OutputMeaning } from '../../../program/program.ts';
import { type HostTensor, hostTensor, sizeOf } from '../../../program/tensor.ts';
import type { ServedModel } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { tensorFromJson } from '../json-tensor.ts';
import { runFor } from '../request-scope.ts';
import type { Drawn } from './present.ts';

/** The inputs of a program, by name. @throws HttpError 400 naming the programs there are. */
export function inputsOf({ name, manifest }: ServedModel, program: string): Record<string, InputSpec> {
  if (Object.hasOwn(manifest.programs, program)) return manifest.programs[program]!.inputs;
  const known = Object.keys(manifest.programs).join(', ');
  throw new HttpError(400, `model ${name} has no program '${program}' (it has: ${known})`);
}

/** Does a model have the program? */
export function has({ manifest }: ServedModel, program: string): boolean {
  return Object.hasOwn(manifest.programs, program);
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

/** Examples or codes of a request's field, as the program's input of the role wants them. */
export function tensorField(
  { config }: ServerContext,
  where: string,
  spec: InputSpec,
  value: unknown,
): HostTensor {
  if (value === undefined)
    throw new HttpError(400, `${where}: expected nested lists of numbers, got nothing`);
  return tensorFromJson(where, spec.dtype, spec.shape, value, config.maxCount);
}

/** One example stands for all that are asked for. */
export function repeated(given: HostTensor, count: number | undefined): HostTensor {
  const rows = given.shape[0]!;
  // `samples` has a count of 1 where none is said.
  if (count === undefined || count === rows || (count === 1 && rows > 1)) return given;
  if (rows !== 1)
    throw new HttpError(400, `count: expected ${rows}, one for each example given, got ${count}`);
  const shape = [count, ...given.shape.slice(1)];
  const size = sizeOf(given.shape);
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < count; i++) values.set(given.data, i * size);
  return hostTensor(given.dtype, shape, values);
}

/** What draws noise for a request: the seed given, or a random one if the program has noise at all. */
export function seedFor(model: ServedModel, program: string, given: Seed | undefined): Seed | undefined {
  const noisy = Object.values(inputsOf(model, program)).some(({ role }) => role === 'noise');
  return noisy ? (given ?? randomSeed()) : undefined;
}

/**
 * Labels as sources.
 * @param needed whether a model with classes must be told: taken in turn, the classes of given examples would rarely
 * be right
 * @throws HttpError 400 when the program takes none, or needs one.
 */
export function labelSources(
  model: ServedModel,
  program: string,
  label: number | readonly number[] | undefined,
  count: number,
  needed: boolean,
): Pick<InputSources, 'labels'> {
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
  if (wrong === undefined) return { labels };
  throw new HttpError(400, `label: expected a class from 0 to ${spec.classes - 1}, got ${wrong}`);
}

/**
 * Labels of samples: those asked for, or drawn as they are in the training data, or none, and then they take turns.
 * @throws HttpError, UserError when the program takes none, or both are asked for.
 */
export function drawnLabels(
  model: ServedModel,
  program: string,
  { label, labels }: { readonly label?: number | readonly number[]; readonly labels?: LabelDistribution },
  key: { readonly seed: Seed; readonly firstIndex: number; readonly count: number },
): Pick<InputSources, 'labels'> {
  if (label !== undefined && labels !== undefined) {
    throw new HttpError(400, 'labels: say a label, or labels, not both');
  }
  if (labels !== 'data') return labelSources(model, program, label, key.count, false);
  return { labels: dataLabels(model.manifest, program, inputsOf(model, program), key) };
}

/**
 * The fields of a body that are no others': the program's scalars.
 * @throws HttpError 400 when the program does not have one.
 */
export function scalarSources(
  model: ServedModel,
  program: string,
  body: Readonly<Record<string, unknown>>,
  fields: readonly string[],
): Pick<InputSources, 'scalars'> {
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
  return { scalars: Object.fromEntries(extra.map((name) => [name, body[name] as number])) };
}

/** Runs a program and picks the output of one meaning. */
export async function runAndPick(
  context: ServerContext,
  response: Response,
  run: {
    readonly model: ServedModel;
    readonly program: string;
    readonly sources: InputSources;
    readonly meaning: OutputMeaning;
  },
): Promise<Omit<Drawn, 'seed' | 'model' | 'program'>> {
  const { model, program, sources, meaning } = run;
  const { outputs, version } = await runFor(context, response, { model, program, sources });
  const specs = model.manifest.programs[program]!.outputs;
  const name = Object.keys(specs).find((key) => specs[key]!.meaning === meaning);
  const data = name === undefined ? undefined : outputs[name];
  if (data === undefined)
    throw new UserError(`program ${program} of ${model.name} has no output that is ${meaning}`);
  const { [name!]: _, ...others } = outputs;
  return { version, data, others };
}
