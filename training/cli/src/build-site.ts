import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { makeFolder } from '@generatrix/training/files';
import type { Command } from 'commander';
import { bundlesOf, modelList } from './model-list.ts';
import { builtSite } from './site.ts';
import { zooFolder } from './zoo.ts';

interface SiteFlags {
  readonly out: string;
  readonly zoo: boolean;
  readonly overwrite: boolean;
}

/** `generatrix site`: the page and its models as one folder of plain files, for any static host and any path on it. */
export function addSite(program: Command): void {
  program
    .command('site')
    .description('write the page with the models that come along, and yours, as one folder for a static host')
    .argument('[models...]', 'folders of bundles to show before the others')
    .option('--out <folder>', 'where it goes: a new or empty folder', 'site')
    .option('--no-zoo', 'without the models that come along')
    .option('--overwrite', 'replace what this command wrote there earlier, never anything else', false)
    .action(async (folders: string[], { out, zoo, overwrite }: SiteFlags) => {
      await checkSiteFolder(out, overwrite);
      const bundles = await bundlesOf([...folders, ...(zoo ? [zooFolder()] : [])]);
      const empty = await Promise.all(
        folders.map(async (folder) => (await bundlesOf([folder])).length === 0),
      );
      const without = folders[empty.indexOf(true)];
      if (without !== undefined)
        throw new UserError(`${without}: expected a folder of bundles, found none in it; export a run to it`);
      const built = await builtSite();
      await makeFolder(dirname(resolve(out)));
      const unfinished = `${resolve(out)}-${process.pid}`;
      try {
        await cp(built, unfinished, { recursive: true });
        await mkdir(join(unfinished, 'models'), { recursive: true });
        for (const { name, folder } of bundles) {
          await cp(folder, join(unfinished, 'models', name), { recursive: true, dereference: true });
        }
        const list = `${JSON.stringify(modelList(bundles), null, 2)}\n`;
        await writeFile(join(unfinished, 'models', 'index.json'), list);
        await rm(out, { recursive: true, force: true });
        await rename(unfinished, out);
      } finally {
        await rm(unfinished, { recursive: true, force: true });
      }
      console.log(`wrote ${out}: the page and ${bundles.length} models; put it on any static host`);
    });
}

/** @throws UserError when a folder holds what may not be replaced. */
async function checkSiteFolder(out: string, overwrite: boolean): Promise<void> {
  const found = await readdir(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [] as string[];
    if (error.code === 'ENOTDIR') throw new UserError(`${out}: expected a folder or nothing, found a file`);
    throw error;
  });
  if (found.length === 0) return;
  const isSite = ['index.html', 'generatrix-sampler.js', 'models'].every((name) => found.includes(name));
  if (!isSite)
    throw new UserError(`${out}: holds files that are no site of this command; choose another --out`);
  if (!overwrite)
    throw new UserError(`${out}: holds a site already; replace it with --overwrite, or choose another --out`);
}
