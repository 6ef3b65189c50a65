import { readFile, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, posix, relative, sep } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { systemError } from '../errors/system-error.ts';

/**
 * Reads a file of weights that a model names, from the model's folder or one within it: a model that came from
 * elsewhere must not make us read anything else.
 * @param path the model's file
 * @param name the file's path relative to the model's folder, as the model has it
 * @throws UserError for a name that leads out of the folder, by `..`, by being absolute or through a link, and for a
 *   file that cannot be read.
 */
export async function readBeside(path: string, name: string): Promise<Uint8Array> {
  const outside = () =>
    new UserError(`${path}: its weights '${name}' lie outside its folder; move them beside the model`);
  const inside = posix.normalize(name);
  if (name === '' || inside.split('/')[0] === '..' || isAbsolute(inside) || /[\\:\0]/.test(inside))
    throw outside();
  const folder = dirname(path);
  const file = join(folder, inside);
  try {
    const way = relative(await realpath(folder), await realpath(file));
    if (way.split(sep)[0] === '..' || isAbsolute(way)) throw outside();
    return await readFile(file);
  } catch (error) {
    throw error instanceof UserError ? error : systemError(file, 'expected weights', error);
  }
}
