import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';

/** What a relative path in an import may stand for, in the order of trial. */
const endings = ['', '.ts', '.mts', '.js', '.mjs', '.json', '/index.ts', '/index.js'];
const relativeImport = /(?:\bfrom|\bimport|\brequire)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g;

/**
 * SHA-256 of a module and of all that it imports by relative paths, at any depth; packages are not followed. It does not
 * depend on where the folder lies.
 */
export async function moduleHash(path: string): Promise<string> {
  const root = resolve(path);
  const texts = new Map<string, string>();
  const waiting = [root];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (texts.has(file)) continue;
    const text = await readFile(file, 'utf8');
    texts.set(file, text);
    for (const [, specifier] of text.matchAll(relativeImport)) {
      const imported = await found(resolve(dirname(file), specifier!));
      if (imported !== null) waiting.push(imported);
    }
  }
  const hash = createHash('sha256');
  const named = [...texts].map(([file, text]) => [relative(dirname(root), file), text] as const);
  for (const [name, text] of named.sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(JSON.stringify([name, text]));
  return hash.digest('hex');
}

async function found(path: string): Promise<string | null> {
  for (const ending of endings) {
    const readable = await readFile(path + ending).then(
      () => true,
      () => false,
    );
    if (readable) return path + ending;
  }
  return null;
}
