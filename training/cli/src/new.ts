import { readdir, readFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@generatrix/runtime/core';
import { makeFolder, writeFileAtomic } from '@generatrix/training/files';
import type { Command } from 'commander';
import { version } from './version.ts';

const template = fileURLToPath(new URL('../template/', import.meta.url));

/** `generatrix new NAME`: a small project with a family, a data set and a test of one's own. */
export function addNew(program: Command): void {
  program
    .command('new')
    .description('write a small project of your own: a family, a data set, a test, ready to train')
    .argument('<folder>', 'folder to make; its name is that of the project')
    .action(async (folder: string) => {
      for (const line of await writeProject(folder)) console.log(line);
    });
}

/**
 * Writes the project.
 * @param folder new or empty
 * @returns what was written and what to do next, a line each
 * @throws UserError when the folder holds anything, or its name is none of a package.
 */
export async function writeProject(folder: string): Promise<string[]> {
  const name = basename(resolve(folder));
  if (!/^[a-z0-9][a-z0-9._-]{0,213}$/.test(name)) {
    throw new UserError(
      `${folder}: expected a name of small letters, digits, dots, hyphens and underscores, got '${name}'`,
    );
  }
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new UserError(`${folder}: expected a folder to be made, it is something else; give another name`);
  });
  if (found.length > 0) {
    throw new UserError(
      `${folder}: expected nothing there, found ${found.slice(0, 3).join(', ')}; give another name`,
    );
  }
  await makeFolder(folder);
  for (const file of await readdir(template)) {
    const text = await readFile(join(template, file), 'utf8');
    // npm packs no file that is called .gitignore.
    const path = join(folder, file === 'gitignore' ? '.gitignore' : file);
    await writeFileAtomic(path, settled(file, text, name));
  }
  return [
    `wrote ${folder}: a family, a data set and a test`,
    `next: cd ${relative('', folder) || '.'} && npm install && npm test`,
  ];
}

/** The template's file with the project's name, and this version of the packages. */
function settled(file: string, text: string, name: string): string {
  if (file === 'README.md') return text.replace('# my-model', `# ${name}`);
  if (file !== 'package.json') return text;
  const manifest = JSON.parse(text) as { dependencies: Record<string, string> };
  const dependencies = Object.fromEntries(Object.keys(manifest.dependencies).map((each) => [each, version]));
  return `${JSON.stringify({ ...manifest, name, dependencies }, null, 2)}\n`;
}
