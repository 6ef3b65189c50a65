import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, UserError } from '@generatrix/runtime/core';
import { closestNames } from '../errors/closest-names.ts';
import { describeIssue } from '../errors/describe-issue.ts';
import { systemCode, systemError } from '../errors/system-error.ts';
import { familyNamed } from '../families/registry.ts';
import { withoutTraining } from '../model/training-options.ts';
import { type RunSettings, settingsSchema } from '../record/settings.ts';

/** Settings of a run as a file gives them: at least the family; the rest may be left to flags and defaults. */
export type RunConfig = Partial<RunSettings> & Pick<RunSettings, 'family'>;

/**
 * Reads settings from a file: JSON, or a JavaScript or TypeScript module whose default export is an object of the same
 * form. A run's own `run.json` is one.
 * @throws UserError when the file cannot be read, or a setting is unknown or out of range, with the closest name.
 */
export async function readConfig(path: string): Promise<RunConfig> {
  const value = await load(path);
  // A run's record holds the settings beside what it says of the data.
  const given = isRecord(value) && isRecord(value.settings) ? value.settings : value;
  if (!isRecord(given)) {
    throw new UserError(`${path}: expected an object of settings such as { family: 'vae', steps: 1000 }`);
  }
  return checkConfig(given, path);
}

/** Checks the settings that are there. @throws UserError naming the setting. */
export function checkConfig(given: Readonly<Record<string, unknown>>, where: string): RunConfig {
  const known = Object.keys(settingsSchema.shape);
  refuseUnknown(Object.keys(given), known, where, '');
  if (typeof given.family !== 'string') {
    throw new UserError(`${where}: family: expected the name of a family, such as 'vae'`);
  }
  const family = familyNamed(given.family);
  const parsed = settingsSchema.partial().safeParse(given);
  if (!parsed.success) throw new UserError(`${where}: ${describeIssue(parsed.error, given)}`);
  const { options } = withoutTraining(parsed.data.options ?? {}, family.options.shape);
  refuseUnknown(Object.keys(options), Object.keys(family.options.shape), where, 'options.');
  // Defaults that were filled in are no settings of the file.
  const own = Object.entries(parsed.data).filter(([name]) => Object.hasOwn(given, name));
  return { ...Object.fromEntries(own), family: given.family };
}

function refuseUnknown(
  names: readonly string[],
  known: readonly string[],
  where: string,
  prefix: string,
): void {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const close = closestNames(unknown, known).slice(0, 1);
  throw new UserError(
    `${where}: ${prefix}${unknown}: there is no such setting${close.map((name) => `; did you mean ${prefix}${name}?`).join('')}`,
  );
}

async function load(path: string): Promise<unknown> {
  const extension = extname(path);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') {
      throw new UserError(`--config ${path}: expected a file of settings there, found none; check the path`);
    }
    throw systemError(path, 'expected to read it', error);
  });
  try {
    if (extension === '.json') return JSON.parse(text);
    if (['.js', '.mjs'].includes(extension))
      return defaultOf(await import(pathToFileURL(resolve(path)).href));
    if (['.ts', '.mts'].includes(extension)) {
      // Not every Node that is supported reads TypeScript.
      const { createJiti } = await import('jiti');
      return defaultOf(await createJiti(import.meta.url, { fsCache: false }).import(resolve(path)));
    }
  } catch (error) {
    throw new UserError(`${path}: expected settings, but it does not load: ${messageOf(error)}`);
  }
  throw new UserError(`--config ${path}: expected a file that ends in .json, .js, .mjs, .ts or .mts`);
}

function defaultOf(module: unknown): unknown {
  return isRecord(module) ? module.default : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
