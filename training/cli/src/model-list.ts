import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A bundle that a page can offer. */
export interface ListedBundle {
  /** Name of its folder. */
  readonly name: string;
  readonly folder: string;
  /** What its manifest calls it. */
  readonly title: string;
}

/**
 * The bundles of some folders: of two of one name that of the first folder. Folders without a readable manifest are no
 * bundles, and folders that are missing have none.
 */
export async function bundlesOf(folders: readonly string[]): Promise<ListedBundle[]> {
  const found = new Map<string, ListedBundle>();
  for (const bundle of (await Promise.all(folders.map(bundlesIn))).flat()) {
    if (!found.has(bundle.name)) found.set(bundle.name, bundle);
  }
  return [...found.values()];
}

async function bundlesIn(models: string): Promise<ListedBundle[]> {
  const entries = await readdir(models, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const bundles = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory())
      .map(async ({ name }) => {
        const folder = join(models, name);
        try {
          const manifest = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')) as {
            name?: string;
          };
          return { name, folder, title: manifest.name ?? name };
        } catch {
          return null;
        }
      }),
  );
  return bundles.filter((bundle) => bundle !== null);
}

/** The folder of the bundle of a name, in the first of some folders that has one; null when none has. */
export async function bundleNamed(folders: readonly string[], name: string): Promise<string | null> {
  for (const models of folders) {
    // By what the folder holds: a name from outside may be anything.
    const names = await readdir(models).catch((): string[] => []);
    if (names.includes(name) && existsSync(join(models, name, 'model.json'))) return join(models, name);
  }
  return null;
}

/** What `models/index.json` holds, by which the page knows what to offer. */
export function modelList(bundles: readonly ListedBundle[]): { name: string; path: string; title: string }[] {
  return bundles.map(({ name, title }) => ({ name, path: `models/${name}`, title }));
}
