import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cudaFolders, engineVersion } from '@generatrix/runtime';
import { UserError } from '@generatrix/runtime/core';
import { checkSpace, makeFolder, takeLock } from '@generatrix/training/files';
import type { Command } from 'commander';
import { fetchWheel } from './cuda/fetch-wheel.ts';
import { unpackWheel } from './cuda/unpack-wheel.ts';
import { onnxruntimeVersion, type Wheel, wheels } from './cuda/wheels.ts';
import { textTable } from './table.ts';

/** Milliseconds between two lines that tell how far a download is. */
const lineInterval = 3000;

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
const unpacked = ({ libraries }: Wheel) => sum(Object.values(libraries));

/** `generatrix cuda`: onnxruntime's CUDA provider and NVIDIA's libraries, from PyPI, beside onnxruntime-node. */
export function addCuda(program: Command): void {
  program
    .command('cuda')
    .description("fetch onnxruntime's provider of CUDA 13 and NVIDIA's libraries from PyPI (Linux on x64)")
    .option('--dry-run', 'say what would be fetched, and how large it is')
    .action(async ({ dryRun = false }: { dryRun?: boolean }) => {
      const { platform, arch } = process;
      if (platform !== 'linux' || arch !== 'x64') {
        throw new UserError(`onnxruntime has CUDA for Node on Linux x64 only, this is ${platform} ${arch}`);
      }
      const version = engineVersion();
      if (version !== onnxruntimeVersion) {
        throw new UserError(
          `the libraries known here are those of onnxruntime ${onnxruntimeVersion}, installed is ${version}: ` +
            `install generatrix and onnxruntime-node of one release`,
        );
      }
      const folders = cudaFolders();
      const open = await asyncFilter(wheels, async (wheel) => !(await inPlace(wheel, folders[wheel.folder])));
      console.log(table(open));
      if (open.length === 0) console.log(`all in place in ${folders.providers}`);
      else if (!dryRun) await fetchAll(open, folders);
      if (!dryRun) console.log('`npx generatrix list` says whether CUDA works here');
    });
}

function table(open: readonly Wheel[]): string {
  const rows = wheels.map((wheel) => [
    `${wheel.project} ${wheel.version}`,
    open.includes(wheel) ? megabytes(wheel.bytes) : 'in place',
    megabytes(unpacked(wheel)),
  ]);
  const total = [
    'together',
    megabytes(sum(open.map(({ bytes }) => bytes))),
    megabytes(sum(wheels.map(unpacked))),
  ];
  return textTable(['package of PyPI', 'MB to fetch', 'MB on the disk'], [...rows, total]);
}

async function fetchAll(
  open: readonly Wheel[],
  folders: Readonly<Record<Wheel['folder'], string>>,
): Promise<void> {
  await makeFolder(folders.libraries);
  const largest = Math.max(...open.map(({ bytes }) => bytes));
  await checkSpace(folders.libraries, sum(open.map(unpacked)) + largest, 'the libraries take');
  const index = process.env.PIP_INDEX_URL || 'https://pypi.org/simple';
  const lock = await takeLock(join(folders.libraries, 'generatrix.lock'), folders.libraries);
  try {
    for (const wheel of open) {
      const path = join(folders.libraries, wheel.file);
      await fetchWheel(wheel, path, { index, onBytes: reporter(wheel) });
      await unpackWheel(wheel, path, folders[wheel.folder]);
      await rm(path);
      console.error(`${wheel.project} ${wheel.version}: ${Object.keys(wheel.libraries).join(', ')}`);
    }
  } finally {
    await lock.release();
  }
}

function reporter({ project, bytes: all }: Wheel) {
  let shown = performance.now();
  return (bytes: number) => {
    if (performance.now() - shown < lineInterval) return;
    shown = performance.now();
    console.error(`${project}: ${megabytes(bytes)} of ${megabytes(all)} MB`);
  };
}

async function inPlace({ libraries }: Wheel, folder: string): Promise<boolean> {
  const right = await Promise.all(
    Object.entries(libraries).map(([name, bytes]) =>
      stat(join(folder, name)).then(
        ({ size }) => size === bytes,
        () => false,
      ),
    ),
  );
  return right.every(Boolean);
}

async function asyncFilter<Item>(items: readonly Item[], keep: (item: Item) => Promise<boolean>) {
  const kept = await Promise.all(items.map(keep));
  return items.filter((_, i) => kept[i]);
}
