import { type DataSpec, sizeOf, UserError } from '@generatrix/runtime/core';
import { z } from 'zod';
import { describeIssue, flagOf } from '../errors/describe-issue.ts';
import { loadModule, moduleError } from '../plugin/load-module.ts';
import { moduleHash } from '../plugin/module-hash.ts';
import { byteDataset, type DataField, type Dataset, floatDataset, type Split } from './dataset.ts';

/** What a data set of the user's is asked for. */
export interface DatasetCall<Options extends object> {
  readonly split: Split;
  /** Of a data set that is drawn: the same seed gives the same examples; parts must differ. */
  readonly seed: number;
  /** How many examples, where it was said; only data sets that read `size` are told. */
  readonly size?: number;
  /** The path given as `--data-dir`; only data sets that read `dir` are told. */
  readonly dir?: string;
  readonly options: Options;
}

/** Examples held in memory. */
export interface DatasetPart {
  readonly spec: DataSpec;
  /** [size, ...spec.shape]: floats in the range of `spec`, or bytes, which become values in [0, 1]. */
  readonly values: Float32Array | Uint8Array;
  /** Class of each example; no labels when absent. */
  readonly labels?: Int32Array;
  readonly classNames?: readonly string[];
  readonly fields?: Readonly<Record<string, DataField>>;
}

/** A data set as its file declares it. */
export interface DatasetDeclaration<Options extends object = object> {
  readonly name: string;
  readonly summary: string;
  /** Its options, with defaults and descriptions: they become flags. None when absent. */
  readonly options?: z.ZodType<Options> & { readonly shape: Readonly<Record<string, z.ZodType>> };
  /** Which of the flags of data sets it reads; others are refused. None when absent. */
  readonly reads?: readonly ('size' | 'dir')[];
  /** Loads one part: values in memory, or a data set that fetches them when they are asked for. */
  load(call: DatasetCall<Options>): DatasetPart | Dataset | Promise<DatasetPart | Dataset>;
}

/** A data set of the user's, complete. */
export type DatasetPlugin = Required<
  Pick<DatasetDeclaration, 'name' | 'summary' | 'options' | 'reads' | 'load'>
>;

/** A data set of one's own. Keeps the options' type while it is written, and forgets it where it is listed. */
export function defineDataset<Options extends object>(dataset: DatasetDeclaration<Options>): DatasetPlugin {
  return { options: z.strictObject({}), reads: [], ...dataset } as unknown as DatasetPlugin;
}

const pluginSchema = z.looseObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/, 'expected a name of small letters, digits and hyphens, such as my-data'),
  summary: z.string().min(1),
  options: z.custom(
    (value) => value instanceof z.ZodObject,
    'expected a schema of options, such as z.strictObject({})',
  ),
  reads: z.array(z.enum(['size', 'dir'])),
  load: z.custom((value) => typeof value === 'function', 'expected a function'),
});

interface Loaded {
  readonly dataset: DatasetPlugin;
  /** Absolute path of its module; absent where a program handed it over. */
  readonly path?: string;
  readonly sha256?: string;
}

const added = new Map<string, Loaded>();

/** Data sets of the user's that this process knows. */
export function datasetPlugins(): readonly DatasetPlugin[] {
  return [...added.values()].map(({ dataset }) => dataset);
}

/** The module of a data set of the user's, an absolute path; undefined where there is none. */
export function datasetModule(name: string): string | undefined {
  return added.get(name)?.path;
}

/** Makes a data set that a program has at hand known by its name. @throws UserError when it is none */
export function addDataset(dataset: DatasetPlugin, taken: readonly string[]): void {
  added.set(dataset.name, { dataset: checked(dataset, `data set '${dataset.name}'`, taken) });
}

/**
 * Loads a data set from a module, the default export of which it is, and makes it known by its name. A module that has
 * not changed is loaded once.
 * @param path of the module, from the current folder
 * @param taken names that there are already
 * @throws UserError when the module does not load, exports no data set, or one whose name is taken.
 */
export async function loadDatasetPlugin(path: string, taken: readonly string[]): Promise<DatasetPlugin> {
  const sha256 = await moduleHash(path).catch(() => undefined);
  const known = [...added.values()].find((each) => each.path === path && each.sha256 === sha256);
  if (known !== undefined && sha256 !== undefined) return known.dataset;
  const { default: exported } = await loadModule(path);
  if (exported === undefined) {
    throw new UserError(
      `${path}: expected a default export, found none; add: export default defineDataset({ ... })`,
    );
  }
  const dataset = checked(exported, path, taken);
  added.set(dataset.name, { dataset, path, ...(sha256 !== undefined && { sha256 }) });
  return dataset;
}

function checked(value: unknown, where: string, taken: readonly string[]): DatasetPlugin {
  const parsed = pluginSchema.safeParse(value);
  if (!parsed.success)
    throw new UserError(
      `${where}: expected a data set, as defineDataset makes them: ${describeIssue(parsed.error, value)}`,
    );
  if (taken.includes(parsed.data.name))
    throw new UserError(
      `${where}: data set '${parsed.data.name}': there is one of that name already; give it another name`,
    );
  return value as DatasetPlugin;
}

/** What loads a part of a data set of the user's. */
export interface PluginCall {
  readonly split: Split;
  readonly seed?: number;
  readonly size?: number;
  readonly dir?: string;
  readonly options?: Readonly<Record<string, unknown>>;
}

/**
 * One part of a data set of the user's, checked: as many values as examples of its shape, all finite, labels of the
 * classes that it names.
 * @throws UserError when an option is out of range, loading fails, or what comes is no data set.
 */
export async function loadPart(
  { name, load, options: schema }: DatasetPlugin,
  { split, seed = 0, size, dir, options = {} }: PluginCall,
): Promise<Dataset> {
  const where = datasetModule(name) ?? `data set '${name}'`;
  const parsed = schema.safeParse(options);
  if (!parsed.success)
    throw new UserError(`data set ${name}: ${describeIssue(parsed.error, options, flagOf)}`);
  const call = {
    split,
    seed,
    options: parsed.data,
    ...(size !== undefined && { size }),
    ...(dir !== undefined && { dir }),
  };
  try {
    const loaded = await load(call);
    return 'gather' in loaded ? { ...loaded, name, split } : partOf(name, split, loaded);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw moduleError(where, `the ${split} part does not load`, error);
  }
}

function partOf(
  name: string,
  split: Split,
  { spec, values, labels, classNames = [], fields }: DatasetPart,
): Dataset {
  const width = sizeOf(spec.shape);
  const size = values.length / width;
  if (!Number.isInteger(size) || size === 0)
    throw new TypeError(`expected one example of shape [${spec.shape}] or more, got ${values.length} values`);
  const stray = values.findIndex((value) => !Number.isFinite(value));
  if (stray >= 0)
    throw new TypeError(`expected finite values, example ${Math.floor(stray / width)} has ${values[stray]}`);
  if (labels !== undefined && labels.length !== size)
    throw new TypeError(`expected ${size} labels, one an example, got ${labels.length}`);
  const wrong = labels?.find((label) => label < 0 || label >= classNames.length);
  if (wrong !== undefined)
    throw new TypeError(`expected labels below ${classNames.length}, the number of classNames, got ${wrong}`);
  const all = { name, split, spec, size, labels: labels ?? null, classNames, ...(fields && { fields }) };
  return values instanceof Uint8Array ? byteDataset(all, values) : floatDataset(all, values);
}
