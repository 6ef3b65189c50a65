import { relative, resolve } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { datasetNames, isModulePath, loadDatasetPlugin } from '@generatrix/training/data';
import { type Project, readProject } from '@generatrix/training/record';

/** Commands of families; the others that come here read data alone. */
const ofFamilies = ['train', 'check', 'list'];

let current: Project | null = null;

/** The project that the command runs in, once `withPlugins` has looked for it. */
export function currentProject(): Project | null {
  return current;
}

/**
 * The command line with names in the place of modules: the families and data sets that `generatrix.config.ts`, the first
 * argument, `--data` and `--config` name are loaded, so that their flags are known before the line is read. Other
 * command lines are returned as they are.
 * @throws UserError when a module does not load, or two define one name.
 */
export async function withPlugins(argv: readonly string[]): Promise<string[]> {
  const [, , command = ''] = argv;
  current = await readProject();
  const line = await withFamily(argv);
  const names = new Names();
  if (current !== null) {
    for (const path of current.datasets) await names.dataset(path);
    if (ofFamilies.includes(command)) for (const path of current.families) await names.family(path);
  }
  const first = line[3];
  if (first !== undefined && isModulePath(first)) {
    if (ofFamilies.includes(command)) line[3] = await names.family(first);
    if (command === 'inspect') line[3] = await names.dataset(first);
  }
  for (const [at, argument] of line.entries()) {
    const value = argument.startsWith('--data=') ? argument.slice('--data='.length) : null;
    if (value !== null && isModulePath(value)) line[at] = `--data=${await names.dataset(value)}`;
    if (argument === '--data' && isModulePath(line[at + 1] ?? ''))
      line[at + 1] = await names.dataset(line[at + 1]!);
  }
  return line;
}

/** Loads modules, and sees that no two define one name. */
class Names {
  readonly #known = new Map<string, string>();

  async family(path: string): Promise<string> {
    const { loadFamily } = await import('@generatrix/training');
    return this.#claim('family', (await loadFamily(path)).name, path);
  }

  async dataset(path: string): Promise<string> {
    return this.#claim('data set', (await loadDatasetPlugin(resolve(path), datasetNames)).name, path);
  }

  #claim(what: string, name: string, path: string): string {
    const file = resolve(path);
    const before = this.#known.get(`${what} ${name}`);
    if (before !== undefined && before !== file) {
      const [one, other] = [relative('', before), relative('', file)];
      throw new UserError(`${what} '${name}': both ${one} and ${other} define it; rename one of them`);
    }
    this.#known.set(`${what} ${name}`, file);
    return name;
  }
}

/**
 * The arguments of `train --config FILE ...` with the family that the file names in its place, so that the family's
 * own flags are known. Others are returned as they are.
 * @throws UserError when the file cannot be used.
 */
export async function withFamily(argv: readonly string[]): Promise<string[]> {
  const [node, script, command, next] = argv as [string, string, string?, string?];
  const at = argv.findIndex((argument) => argument === '--config' || argument.startsWith('--config='));
  if (command !== 'train' || at < 0 || (next !== undefined && !next.startsWith('-'))) return [...argv];
  const file = argv[at]!.startsWith('--config=') ? argv[at]!.slice('--config='.length) : argv[at + 1];
  if (file === undefined) return [...argv];
  const { readConfig } = await import('@generatrix/training');
  const { family } = await readConfig(file);
  return [node, script, 'train', family, ...argv.slice(3)];
}
