import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { messageOf, UserError } from '@generatrix/runtime/core';
import { datasetNames, loadDatasetPlugin } from '../data/index.ts';
import { closestNames } from '../errors/closest-names.ts';
import { describeIssue } from '../errors/describe-issue.ts';
import { systemCode, systemError } from '../errors/system-error.ts';
import { familyOf, loadFamily } from '../families/family-plugin.ts';
import { familyNamed, pluginOf } from '../families/registry.ts';
import { withoutTraining } from '../model/training-options.ts';
import { isModulePath, loadModule } from '../plugin/load-module.ts';
import { pluginFileSchema } from '../plugin/plugin-file.ts';
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
  return checkConfig(await withModules(given, dirname(path)), path);
}

/** The settings with names in the place of paths of modules, which are loaded: paths in a file begin at its folder. */
async function withModules(
  given: Readonly<Record<string, unknown>>,
  folder: string,
): Promise<Readonly<Record<string, unknown>>> {
  const { family, plugin, data, ...rest } = given;
  const settings: Record<string, unknown> = { ...rest };
  const own = pluginFileSchema.safeParse(plugin);
  if (typeof family === 'string' && isModulePath(family)) {
    const { name } = await loadFamily(resolve(folder, family));
    Object.assign(settings, { family: name, plugin: pluginOf(name) });
  } else if (typeof family === 'string' && own.success) {
    const file = { ...own.data, path: resolve(folder, own.data.path) };
    await familyOf({ family, plugin: file });
    Object.assign(settings, { family, plugin: file });
  } else
    Object.assign(settings, { ...('family' in given && { family }), ...('plugin' in given && { plugin }) });
  if (!isRecord(data)) return 'data' in given ? { ...settings, data } : settings;
  const path = [data.plugin, data.name].find((value) => typeof value === 'string' && isModulePath(value));
  if (path === undefined) return { ...settings, data };
  const { name } = await loadDatasetPlugin(resolve(folder, path as string), datasetNames);
  return { ...settings, data: { ...data, name, plugin: resolve(folder, path as string) } };
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
  if (isModulePath(path)) return (await loadModule(path)).default;
  if (extname(path) !== '.json')
    throw new UserError(`--config ${path}: expected a file that ends in .json, .js, .mjs, .ts or .mts`);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') {
      throw new UserError(`--config ${path}: expected a file of settings there, found none; check the path`);
    }
    throw systemError(path, 'expected to read it', error);
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path}: expected settings, but it does not load: ${messageOf(error)}`);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
