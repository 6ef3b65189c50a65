import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { z } from 'zod';
import { describeIssue } from '../errors/describe-issue.ts';
import { loadModule } from '../plugin/load-module.ts';
import { settingsSchema } from './settings.ts';

const names = [
  'generatrix.config.ts',
  'generatrix.config.mts',
  'generatrix.config.js',
  'generatrix.config.mjs',
];

const { plugin: _, family: __, options: ___, ...settings } = settingsSchema.shape;
const projectSchema = z.strictObject({
  /** Modules that define families, by paths from the file's folder. */
  families: z.array(z.string()).default([]),
  /** Modules that define data sets. */
  datasets: z.array(z.string()).default([]),
  /** Settings of runs that go before a family's defaults, and after flags, presets and `--config`. */
  defaults: z.strictObject(settings).partial().default({}),
});

/** What `generatrix.config.ts` exports as its default. */
export type ProjectConfig = z.input<typeof projectSchema>;

/** A project: its families and data sets, and what its runs take where nothing else is said. */
export interface Project {
  /** The file, from the current folder. */
  readonly file: string;
  /** Absolute paths of modules. */
  readonly families: readonly string[];
  readonly datasets: readonly string[];
  readonly defaults: NonNullable<ProjectConfig['defaults']>;
}

/** The value as it is: types what `generatrix.config.ts` exports. */
export function defineConfig(config: ProjectConfig): ProjectConfig {
  return config;
}

/**
 * The project that a folder is in: the first `generatrix.config.ts` (or `.mts`, `.js`, `.mjs`) in it or above, up to
 * the folder that has a `package.json`. Null when there is none.
 * @throws UserError when the file does not load, or names something that is none of its settings.
 */
export async function readProject(from = '.'): Promise<Project | null> {
  const path = findProject(resolve(from));
  if (path === null) return null;
  const file = relative('', path);
  const { default: given } = await loadModule(file);
  const parsed = projectSchema.safeParse(given);
  if (!parsed.success) throw new UserError(`${file}: ${describeIssue(parsed.error, given)}`);
  const absolute = (modules: readonly string[]) => modules.map((module) => resolve(dirname(path), module));
  // Defaults that the schema filled in are none of the file's.
  const own = Object.keys((given as { defaults?: object }).defaults ?? {});
  const defaults = Object.fromEntries(
    Object.entries(parsed.data.defaults).filter(([name]) => own.includes(name)),
  );
  return {
    file,
    families: absolute(parsed.data.families),
    datasets: absolute(parsed.data.datasets),
    defaults: defaults as Project['defaults'],
  };
}

function findProject(folder: string): string | null {
  const file = names.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (file !== undefined) return file;
  if (existsSync(join(folder, 'package.json')) || folder === dirname(folder)) return null;
  return findProject(dirname(folder));
}
