import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { importsOf, neededParts } from './bundled-parts.ts';
import { type PackageManifest, publishedManifest } from './published.ts';

/** A compiled file, and the source that it is compiled from. */
const compiled = /^dist\/(.+?)(\.d\.ts|\.js)(\.map)?$/;

/**
 * Writes a package as it is published into a folder, for `npm pack`: what its `files` name, README, licence, and the
 * parts of dependencies that travel inside.
 * @param from folder of the package in the checkout, compiled
 */
export async function stagePackage(
  from: string,
  to: string,
  version: string,
  licence: string,
): Promise<void> {
  const manifest = JSON.parse(await readFile(join(from, 'package.json'), 'utf8')) as PackageManifest;
  const published = publishedManifest(manifest, version);
  await mkdir(to, { recursive: true });
  await cp(licence, join(to, 'LICENSE'));
  const files = (await Promise.all((manifest.files ?? []).map((entry) => matching(from, entry)))).flat();
  // npm does not take a folder whole that a name with a star stands for.
  const staged = manifest.files === undefined ? published : { ...published, files };
  await writeFile(join(to, 'package.json'), `${JSON.stringify(staged, null, 2)}\n`);
  for (const entry of ['README.md', ...files]) {
    // What npm itself leaves out, and what is built while packing.
    if (entry.startsWith('!') || !existsSync(join(from, entry))) continue;
    await cp(join(from, entry), join(to, entry), {
      recursive: true,
      // Compiled files of sources that are gone may lie about in a checkout.
      filter: (path) => {
        const [, name] = compiled.exec(path.slice(from.length + 1)) ?? [];
        return (
          name === undefined || !existsSync(join(from, 'src')) || existsSync(join(from, 'src', `${name}.ts`))
        );
      },
    });
  }
  for (const dependency of (published.bundleDependencies as string[] | undefined) ?? []) {
    await copyParts(dependency, to);
  }
}

/** The entries of a folder that a name with `*` in it stands for; a name without, as it is. */
async function matching(folder: string, name: string): Promise<string[]> {
  if (name.startsWith('!') || !name.includes('*')) return [name];
  const parts = name.split('*').map((part) => part.replace(/[^\w-]/g, '\\$&'));
  const pattern = new RegExp(`^${parts.join('[^/]*')}$`);
  return (await readdir(folder)).filter((entry) => pattern.test(entry));
}

/** Copies of a dependency what the compiled files of a package use of it. */
async function copyParts(dependency: string, to: string): Promise<void> {
  const files = await readdir(join(to, 'dist'), { recursive: true });
  const used = files
    .filter((file) => /\.(js|d\.ts)$/.test(file))
    .flatMap((file) => importsOf(join(to, 'dist', file)))
    .filter((specifier) => specifier === dependency || specifier.startsWith(`${dependency}/`));
  const entries = [...new Set(used)].map((specifier) => fileURLToPath(import.meta.resolve(specifier)));
  const folder = packageFolder(dependency, entries[0]!);
  for (const part of neededParts(folder, entries)) {
    const target = join(to, 'node_modules', dependency, part);
    await mkdir(dirname(target), { recursive: true });
    await cp(join(folder, part), target);
  }
}

/** The folder of the package that a file belongs to. */
function packageFolder(name: string, file: string): string {
  for (const folder of createRequire(file).resolve.paths(name) ?? []) {
    if (file.startsWith(join(folder, name))) return join(folder, name);
  }
  throw new Error(`${file} belongs to no package ${name}`);
}
