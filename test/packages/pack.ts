import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { builtSite } from 'generatrix/site';
import { buildElement, copyElementTypes } from './element.ts';
import { onnxruntimePlatforms, stageOnnxruntime } from './onnxruntime-packages.ts';
import { type PackageManifest, publishedFolders } from './published.ts';
import { stagePackage } from './stage.ts';

const root = join(dirname(createRequire(import.meta.url).resolve('@generatrix/test/package.json')), '..');

/** A packed package. */
export interface Tarball {
  readonly name: string;
  readonly file: string;
  /** Bytes of the tarball, and of its files. */
  readonly size: number;
  readonly unpackedSize: number;
}

/**
 * Packs all packages, compiled before, as they are published.
 * @param out folder for the tarballs; made if it is missing
 * @param allPlatforms onnxruntime's binaries of every platform, or of this one alone
 */
export async function packAll(out: string, allPlatforms: boolean): Promise<Tarball[]> {
  const staging = await mkdtemp(join(tmpdir(), 'generatrix-pack-'));
  try {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as PackageManifest;
    const folders: string[] = [];
    const demo = join(root, 'web-demo');
    await buildElement(demo, join(demo, 'element/dist'));
    await copyElementTypes(demo, join(demo, 'element/dist/types'));
    for (const folder of publishedFolders) {
      const to = join(staging, folder.replaceAll('/', '-'));
      await stagePackage(join(root, folder), to, version, join(root, 'LICENSE'));
      if (folder === 'training/cli') await cp(await builtSite(), join(to, 'site'), { recursive: true });
      folders.push(to);
    }
    const here = (await onnxruntimePlatforms()).filter(
      ({ os, cpu }) => allPlatforms || (os === process.platform && cpu === process.arch),
    );
    folders.push(...(await stageOnnxruntime(staging, here)));
    await mkdir(out, { recursive: true });
    const said = execFileSync('npm', ['pack', '--json', '--pack-destination', out, ...folders], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 2 ** 28,
    });
    const packed = JSON.parse(said) as {
      name: string;
      filename: string;
      size: number;
      unpackedSize: number;
    }[];
    return packed.map(({ name, filename, size, unpackedSize }) => ({
      name,
      file: join(out, filename),
      size,
      unpackedSize,
    }));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
