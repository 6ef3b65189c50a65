import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, UserError } from '@generatrix/runtime/core';
import { systemCode, systemError } from '../errors/system-error.ts';

const extensions = ['.ts', '.mts', '.js', '.mjs'];

/** Is this the path of a module, rather than the name of a family or a data set? No name has such an ending. */
export function isModulePath(name: string): boolean {
  return extensions.includes(extname(name));
}

/**
 * Loads a JavaScript or TypeScript module of the user's. What it imports of this package, the exporter, the runtime
 * and zod are the copies that are loaded here, whatever is installed beside it, so that its tensors and schemas are
 * those of the loop that runs it.
 * @param path of the module, from the current folder
 * @throws UserError when there is none, or it throws while it loads, with the line of the module that did.
 */
export async function loadModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  const file = resolve(path);
  if (!isModulePath(path))
    throw new UserError(`${path}: expected a module that ends in ${extensions.join(', ')}`);
  await readFile(file).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT')
      throw new UserError(`${path}: expected a module there, found none; check the path`);
    throw systemError(path, 'expected to read a module', error);
  });
  try {
    // Not every Node that is supported reads TypeScript, and none reads a changed module again.
    const { createJiti } = await import('jiti');
    const jiti = createJiti(pathToFileURL(file).href, {
      fsCache: false,
      moduleCache: false,
      interopDefault: false,
      virtualModules: await ownModules(),
    });
    return (await jiti.import(file)) as Record<string, unknown>;
  } catch (error) {
    throw moduleError(file, 'it does not load', error, path);
  }
}

/** The modules that plugins share with us. A computed path: this package's entry imports this file. */
async function ownModules(): Promise<Record<string, unknown>> {
  const entry = import.meta.url.endsWith('.ts') ? '../index.ts' : '../index.js';
  return {
    '@generatrix/training': await import(/* @vite-ignore */ new URL(entry, import.meta.url).href),
    '@generatrix/export': await import('@generatrix/export'),
    '@generatrix/runtime': await import('@generatrix/runtime'),
    '@generatrix/runtime/core': await import('@generatrix/runtime/core'),
    zod: await import('zod'),
  };
}

/**
 * An error of a user's module in one line, with the place in that module where it was thrown or passed.
 * @param what it was asked to do, in words
 * @param shown the path as the user wrote it
 */
export function moduleError(file: string, what: string, error: unknown, shown = file): UserError {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const at = stack.indexOf(`${file}:`);
  const place = at < 0 ? '' : (/^:\d+(:\d+)?/.exec(stack.slice(at + file.length))?.[0] ?? '');
  return new UserError(`${shown}${place}: ${what}: ${messageOf(error)}`, { cause: error });
}
