import { UserError } from '@generatrix/runtime/core';
import { z } from 'zod';
import { describeIssue } from '../errors/describe-issue.ts';
import type { Family } from '../model/family.ts';
import { loadModule } from '../plugin/load-module.ts';
import { checkUnchanged, type PluginFile, pluginFile } from '../plugin/plugin-file.ts';
import { guardedFamily } from './guarded-family.ts';
import { addFamily, familyNamed, knownFamilies, pluginOf } from './registry.ts';

const text = z.string().min(1);
const texts = z.array(text);
const callable = z.custom((value) => typeof value === 'function', 'expected a function');

/** What of a family can be seen before it is built. */
const familySchema = z.looseObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/, 'expected a name of small letters, digits and hyphens, such as my-family'),
  title: text,
  taxonomy: texts.min(1),
  equation: text,
  sources: texts,
  options: z.custom(
    (value) => value instanceof z.ZodObject,
    'expected a schema of options, such as z.strictObject({})',
  ),
  defaults: z.looseObject({
    steps: z.number().int().min(1),
    batchSize: z.number().int().min(1),
    learningRate: z.number().nonnegative(),
  }),
  refuses: callable,
  build: callable,
  reproduce: z.record(z.string(), z.looseObject({})),
});

/**
 * Loads a family from a module, the default export of which it is, and makes it known by its name.
 * @param path of the module, from the current folder
 * @throws UserError when the module does not load, exports no family, or one whose name there is already.
 */
export async function loadFamily(path: string): Promise<Family> {
  const plugin = await pluginFile(path).catch(() => null);
  const { default: exported } = await loadModule(path);
  if (exported === undefined) {
    throw new UserError(
      `${path}: expected a default export, found none; add: export default defineFamily({ ... })`,
    );
  }
  const family = checkShape(exported, path);
  const guarded = guardedFamily(family, plugin!.path);
  addFamily(guarded, plugin!);
  return guarded;
}

/** The value as a family. @throws UserError saying what is wrong with it */
export function checkShape(value: unknown, where: string): Family {
  const parsed = familySchema.safeParse(value);
  if (parsed.success) return value as Family;
  throw new UserError(
    `${where}: expected a family, as defineFamily makes them: ${describeIssue(parsed.error, value)}`,
  );
}

/**
 * The family of a run: one of this package, one that this process was handed, or that of the module which the run
 * recorded, which is loaded.
 * @throws UserError when that module is gone or has changed, or defines another family.
 */
export async function familyOf({
  family: name,
  plugin,
}: {
  readonly family: string;
  readonly plugin?: PluginFile | undefined;
}): Promise<Family> {
  if (plugin === undefined) {
    const names = knownFamilies().map((known) => known.name);
    if (names.includes(name)) return familyNamed(name);
    throw new UserError(
      `unknown family '${name}'; there are ${names.join(', ')}; where it is one of your own, name its module: ` +
        'generatrix resume RUN --plugin FILE',
    );
  }
  await checkUnchanged(plugin, name);
  const known = pluginOf(name);
  if (known?.path === plugin.path && known.sha256 === plugin.sha256) return familyNamed(name);
  const family = await loadFamily(plugin.path);
  if (family.name === name) return family;
  throw new UserError(
    `${plugin.path}: expected family '${name}', it defines '${family.name}'; put that one back`,
  );
}
