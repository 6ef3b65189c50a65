import { UserError } from '@generatrix/runtime/core';
import {
  type DatasetOption,
  type DatasetRequest,
  datasetFlags,
  datasetModule,
  datasetPlugins,
  type Split,
} from '@generatrix/training/data';
import { flagOf } from '@generatrix/training/errors';
import { Command, Option } from 'commander';
import { z } from 'zod';

/** Parsers for flag values: each names the flag and what it expects when the text does not fit. */
export function wholeNumber(
  flag: string,
  least = 0,
  most = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
    const bound = value > most ? `at most ${most}` : `at least ${least}`;
    throw new UserError(`${flag}: expected a whole number of ${bound}, got '${text}'`);
  };
}

/** `--labels`: how samples without a label get their classes. @param absent what happens without the flag */
export function labelsOption(absent: string): Option {
  const summary = 'classes of samples without a label: balanced, or drawn as in the training data';
  return new Option('--labels <distribution>', `${summary} (without: ${absent})`).choices([
    'balanced',
    'data',
  ]);
}

/** `--draw`: what a sample of a model with codes is. @param absent what happens without the flag */
export function drawOption(absent: string): Option {
  const summary =
    "draws from the model's distribution, or, of models that draw a code first, means given the code";
  return new Option('--draw <kind>', `${summary} (without: ${absent})`).choices(['sample', 'mean']);
}

export function realNumber(
  flag: string,
  {
    least = -Number.MAX_VALUE,
    most = Number.MAX_VALUE,
  }: { readonly least?: number; readonly most?: number } = {},
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const isNumber = text.trim() !== '' && Number.isFinite(value);
    if (isNumber && value >= least && value <= most) return value;
    const bound = !isNumber ? '' : value < least ? ` of at least ${least}` : ` of at most ${most}`;
    throw new UserError(`${flag}: expected a number${bound}, got '${text}'`);
  };
}

/** Reads a number of bytes, with kB, MB, GB (powers of 1000) or KiB, MiB, GiB (powers of 1024). */
export function byteCount(flag: string): (text: string) => number {
  const units: Readonly<Record<string, number>> = {
    '': 1,
    b: 1,
    kb: 1e3,
    mb: 1e6,
    gb: 1e9,
    tb: 1e12,
    kib: 2 ** 10,
    mib: 2 ** 20,
    gib: 2 ** 30,
    tib: 2 ** 40,
  };
  return (text) => {
    const [, number, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
    const factor = Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()] : undefined;
    const value = Math.floor(Number(number) * (factor ?? Number.NaN));
    if (number !== undefined && Number.isSafeInteger(value)) return value;
    throw new UserError(`${flag}: expected a number of bytes such as 512MiB or 2GiB, got '${text}'`);
  };
}

function imageSize(text: string): [number, number] {
  const match = /^(\d+)(?:x(\d+))?$/.exec(text);
  if (match === null) throw new UserError(`--image-size: expected HEIGHTxWIDTH such as 28x28, got '${text}'`);
  return [Number(match[1]), Number(match[2] ?? match[1])];
}

const datasetParsers: Record<
  DatasetOption,
  { value: string; summary: string; parse(text: string): unknown }
> = {
  dir: { value: 'path', summary: 'folder or file that holds the data', parse: (text) => text },
  size: { value: 'n', summary: 'number of examples', parse: wholeNumber('--data-size', 1) },
  splitSeed: { value: 'n', summary: 'seed of the train/test split', parse: wholeNumber('--split-seed') },
  imageSize: { value: 'HxW', summary: 'size that images are resized to', parse: imageSize },
  channels: { value: '1|3', summary: 'grey or colour', parse: wholeNumber('--channels', 1) },
  cacheBytes: {
    value: 'bytes',
    summary:
      'values held in memory, such as 512MiB or 2GiB (default 256MiB); the rest is read as it is needed',
    parse: byteCount('--data-cache'),
  },
  sampleRate: {
    value: 'hz',
    summary: 'rate that audio is resampled to',
    parse: wholeNumber('--sample-rate', 1),
  },
  clipSeconds: { value: 's', summary: 'length of an audio clip', parse: realNumber('--clip-seconds') },
  labelColumn: { value: 'name', summary: 'column that holds the class', parse: (text) => text },
  delimiter: {
    value: 'character',
    summary: 'what stands between the cells of a table, tab for a tab (default: found out)',
    parse: (text) => (text === 'tab' || text === '\\t' ? '\t' : text),
  },
  decimal: { value: '.|,', summary: "a table's decimal mark (default .)", parse: (text) => text },
  header: {
    value: 'yes|no|auto',
    summary: "whether a table's first row names its columns (default auto)",
    parse: (text) => text,
  },
  missing: {
    value: 'refuse|drop|mean',
    summary:
      'rows of a table with missing values: refused (the default), left out, or filled with the training mean',
    parse: (text) => text,
  },
  dropColumns: {
    value: 'names',
    summary: 'columns of a table that are left out, such as identifiers, separated by commas',
    parse: (text) => text,
  },
  standardise: {
    value: 'yes|no',
    summary: 'columns of a table to mean 0 and deviation 1, those of the training part (default no)',
    parse: (text) => text,
  },
};

/**
 * Adds `--data` and the flags of every data set.
 * @param standard what the help says of the data set used when none is named
 */
export function addDataFlags(command: Command, standard: string): Command {
  command.option(
    '--data <name>',
    `data set, see \`generatrix list\`, or the module of one (default: ${standard})`,
  );
  return addDatasetFlags(command);
}

/** Adds the flags of every data set, without the one that names it. */
export function addDatasetFlags(command: Command): Command {
  for (const [option, flag] of Object.entries(datasetFlags) as [DatasetOption, string][]) {
    const { value, summary } = datasetParsers[option];
    command.option(`${flag} <${value}>`, summary);
  }
  return command;
}

/** Adds the options of the user's data sets; two data sets may share the name of one. */
export function addDatasetOptionFlags(command: Command): Command {
  const before = command.options.map(({ long }) => long);
  for (const { name, options } of datasetPlugins()) {
    const fresh = new Command();
    addOptionFlags(fresh, options);
    for (const option of fresh.options) {
      if (before.includes(option.long)) {
        throw new UserError(
          `data set ${name}: ${option.long} is a flag of this command already; give the option another name`,
        );
      }
      if (command.options.every(({ long }) => long !== option.long)) command.addOption(option);
    }
  }
  return command;
}

/** Reads the data flags back: only those given, so that a data set can refuse what it does not use. */
export function dataRequest(flags: Record<string, unknown>, split: Split, seed?: number): DatasetRequest {
  const request: Record<string, unknown> = {
    name: flags.data,
    split,
    ...(seed === undefined ? {} : { seed }),
  };
  for (const [option, flag] of Object.entries(datasetFlags) as [DatasetOption, string][]) {
    const text = flags[camelCase(flag)];
    if (typeof text === 'string') request[option] = datasetParsers[option].parse(text);
  }
  const own = datasetPlugins().find(({ name }) => name === flags.data);
  if (own !== undefined) {
    const [path, options] = [datasetModule(own.name), optionsGiven(own.options, flags)];
    if (path !== undefined) request.plugin = path;
    if (Object.keys(options).length > 0) request.options = options;
  }
  return request as unknown as DatasetRequest;
}

interface OptionSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly items?: unknown;
  readonly default?: unknown;
  readonly description?: string;
}

/** A schema of options: the one source of their flags. */
type OptionShape = z.ZodType & { readonly shape: Readonly<Record<string, z.ZodType>> };

/** What options look like as JSON schema. */
function optionSchemas(options: OptionShape): Record<string, OptionSchema> {
  const schema = z.toJSONSchema(options, { io: 'input' });
  return (schema.properties ?? {}) as Record<string, OptionSchema>;
}

/**
 * Adds one flag for each option.
 * @param standard defaults that the help says in the place of the schema's
 * @param owner what has the options, in words
 * @throws UserError when the command has such a flag already.
 */
export function addOptionFlags(
  command: Command,
  options: OptionShape,
  standard: Readonly<Record<string, unknown>> = {},
  owner = 'training',
): Command {
  for (const [name, schema] of Object.entries(optionSchemas(options))) {
    if (command.options.some(({ long }) => long === flagOf(name))) {
      throw new UserError(
        `${owner}: option '${name}' would be ${flagOf(name)}, which is a flag of this command already; give it another name`,
      );
    }
    const usual = standard[name] ?? schema.default;
    const defaultText = usual === undefined ? '' : ` (default ${[usual].flat().join(',')})`;
    const value = schema.type === 'boolean' ? '' : ` <${schema.type === 'array' ? 'list' : 'value'}>`;
    const option = new Option(`${flagOf(name)}${value}`, `${schema.description ?? name}${defaultText}`);
    command.addOption(schema.enum === undefined ? option : option.choices([...schema.enum]));
  }
  return command;
}

/** Reads flags back as options, those that were given; the schema checks their values. */
export function optionsGiven(options: OptionShape, flags: Record<string, unknown>): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(optionSchemas(options))) {
    const value = flags[name];
    if (value === undefined) continue;
    given[name] = typeof value === 'string' ? parseOption(flagOf(name), schema, value) : value;
  }
  return given;
}

function parseOption(flag: string, { type }: OptionSchema, text: string): unknown {
  if (type === 'integer' || type === 'number') return realNumber(flag)(text);
  if (type === 'array') return text.split(',').map(realNumber(flag));
  return text;
}

/** `--data-dir` to `dataDir`, as commander names it. */
function camelCase(flag: string): string {
  return flag.replace(/^--/, '').replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** `--device`: what runs a model. */
export function deviceOption(what = 'where to run'): Option {
  return new Option('--device <name>', what).choices(['auto', 'cpu', 'cuda', 'webgpu']).default('auto');
}
