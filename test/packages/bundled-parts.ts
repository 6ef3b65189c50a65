import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const specifiers = /(?:\bfrom|\bimport)\s*\(?\s*['"](?<specifier>[^'"]+)['"]/g;

/** What a JavaScript or declaration file imports or exports from elsewhere, as it is written there. */
export function importsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(specifiers)].map(({ groups }) => groups!.specifier!);
}

/**
 * The part of a package that some of its modules need: these, what they import, and the declarations of all.
 * @param folder where the package lies
 * @param entries its modules that are used, absolute paths of `.js` files
 * @returns paths relative to the folder, its package.json and licence among them
 */
export function neededParts(folder: string, entries: readonly string[]): string[] {
  const found = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (found.has(file) || !existsSync(file)) continue;
    found.add(file);
    if (file.endsWith('.js')) waiting.push(file.replace(/\.js$/, '.d.ts'));
    for (const specifier of importsOf(file)) {
      if (!specifier.startsWith('.')) continue;
      const imported = join(dirname(file), specifier);
      // Declarations name the sources that they were made of.
      waiting.push(/\.d\.ts$|\.js$/.test(imported) ? imported : imported.replace(/\.ts$/, '.d.ts'));
    }
  }
  const beside = ['package.json', 'LICENSE', 'LICENSE.md'].filter((name) => existsSync(join(folder, name)));
  return [...beside, ...[...found].map((file) => relative(folder, file))].toSorted();
}
