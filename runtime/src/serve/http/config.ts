import { readFile } from 'node:fs/promises';
import { messageOf, UserError } from '../../errors.ts';
import { type ConfigField, configFields, configSchema, type ServeConfig } from './config-schema.ts';
import { member, show } from './json-body.ts';

/** Where settings come from, the later ones weaker. */
export interface ConfigSources {
  /** By field name; a text, or a boolean for a flag without a value. */
  readonly flags?: Readonly<Record<string, string | boolean | undefined>>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Path of a JSON file. */
  readonly file?: string;
}

interface Found {
  readonly value: unknown;
  /** What errors call it: `--port`, `GENERATRIX_PORT`, `serve.json: port`. */
  readonly source: string;
}

/**
 * The server's settings: flags before the environment before the file before the defaults.
 * @throws UserError that names where the wrong value came from, what was expected, and what came.
 */
export async function loadConfig({
  flags = {},
  environment = {},
  file,
}: ConfigSources): Promise<ServeConfig> {
  const found = new Map<string, Found>();
  for (const [name, value] of Object.entries(file === undefined ? {} : await readConfigFile(file))) {
    found.set(name, { value, source: `${file}: ${name}` });
  }
  for (const field of configFields) {
    const text = environment[field.variable];
    // Kubernetes describes a service named `generatrix` in GENERATRIX_PORT=tcp://...; that is no setting.
    if (text === undefined || text === '' || /^tcp:\/\//.test(text)) continue;
    found.set(field.name, { value: fromText(field, text), source: field.variable });
  }
  checkSpelling(environment);
  for (const field of configFields) {
    const value = flags[field.name];
    if (value === undefined) continue;
    found.set(field.name, {
      value: typeof value === 'string' ? fromText(field, value) : value,
      source: field.name === 'models' ? '<models>' : field.flag,
    });
  }
  return check(found);
}

/**
 * Refuses variables that are almost a setting's. Others that begin with GENERATRIX_ are left alone: Kubernetes makes many
 * for a service of that name.
 */
function checkSpelling(environment: Readonly<Record<string, string | undefined>>): void {
  const known = configFields.map(({ variable }) => variable);
  for (const name of Object.keys(environment)) {
    if (!/^generatrix_/i.test(name) || known.includes(name) || environment[name] === '') continue;
    const near = known.map((variable) => ({ variable, off: differences(variable, name.toUpperCase()) }));
    const [nearest] = near.sort((a, b) => a.off - b.off);
    if (nearest!.off > 2) continue;
    throw new UserError(`${name}: there is no such setting; did you mean ${nearest!.variable}?`);
  }
}

/** Letters to insert, delete or replace to make one text of the other: Levenshtein's distance. */
function differences(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...to].entries()) {
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + Number(letter !== other)));
    }
    row = next;
  }
  return row.at(-1)!;
}

function check(found: ReadonlyMap<string, Found>): ServeConfig {
  const values = Object.fromEntries([...found].map(([name, { value }]) => [name, value]));
  const result = configSchema.safeParse(values);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    const unknown = issue.code === 'unrecognized_keys';
    const [name, ...inside] = [...issue.path, ...(unknown ? issue.keys.slice(0, 1) : [])].map(String);
    const known = found.get(name!) ?? { value: undefined, source: name! };
    // A wrong member of a list is shown as the list.
    const within = Array.isArray(known.value) ? [] : inside;
    const source = [known.source, ...within].join('.');
    if (unknown) throw new UserError(`${source}: there is no such setting`);
    const value = within.reduce<unknown>(member, known.value);
    throw new UserError(
      `${source}: ${issue.message.replace(/^.*?expected/, 'expected').replace(/, received .*$/, '')}, got ${show(value)}`,
    );
  }
  const config = result.data;
  if ((config.tlsCert === undefined) !== (config.tlsKey === undefined)) {
    const [given, missing] = config.tlsCert === undefined ? ['tlsKey', 'tlsCert'] : ['tlsCert', 'tlsKey'];
    throw new UserError(`${found.get(given)!.source}: TLS needs ${missing} too`);
  }
  if (config.socket !== undefined && config.tlsCert !== undefined) {
    throw new UserError(
      `${found.get('socket')!.source}: a socket takes no TLS: leave out tlsCert and tlsKey`,
    );
  }
  return config;
}

async function readConfigFile(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UserError(`${file}: the configuration cannot be read: ${messageOf(error)}`);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${file}: the configuration is not JSON: ${messageOf(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UserError(`${file}: expected an object of settings, got ${show(value)}`);
  }
  return value as Record<string, unknown>;
}

/** A text that does not fit stays a text, and the schema refuses it. */
function fromText({ kind }: ConfigField, text: string): unknown {
  const trimmed = text.trim();
  switch (kind) {
    case 'integer':
      return /^-?\d+$/.test(trimmed) ? Number(trimmed) : text;
    case 'boolean':
      return { true: true, '1': true, false: false, '0': false }[trimmed.toLowerCase()] ?? text;
    case 'array':
      return trimmed === '' ? [] : trimmed.split(',').map((part) => part.trim());
    case 'object':
      try {
        return JSON.parse(text);
      } catch {
        return text;
      }
    case 'string':
      return text;
  }
}
