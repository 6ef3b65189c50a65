import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { z } from 'zod';
import { moduleHash } from './module-hash.ts';

/** The module that a run's family comes from: where it lies, and what it held. */
export const pluginFileSchema = z.strictObject({ path: z.string(), sha256: z.string() });
export type PluginFile = z.infer<typeof pluginFileSchema>;

/** The module at a path as it is now, its path absolute. */
export async function pluginFile(path: string): Promise<PluginFile> {
  return { path: resolve(path), sha256: await moduleHash(path) };
}

/** @throws UserError when the module that a run was trained with is gone, or holds something else. */
export async function checkUnchanged({ path, sha256 }: PluginFile, family: string): Promise<void> {
  const shown = relative('', path);
  const cure = (verb: string) =>
    `put it back, or go on with another by: generatrix resume RUN --plugin ${verb}`;
  if (!existsSync(path))
    throw new UserError(
      `${shown}: expected the module of family '${family}' there, found none; ${cure('FILE')}`,
    );
  if ((await moduleHash(path)) === sha256) return;
  throw new UserError(
    `${shown}: the module of family '${family}' has changed since the run began; ${cure(shown)}`,
  );
}
