import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/**
 * onnxruntime's builds that pages choose from, each a `.mjs` loader and a `.wasm`: plain WASM, and WebGPU with and without
 * the browser's JSPI. The JSEP build is left out on purpose: it computes some graphs wrongly.
 */
export const builds = [
  'ort-wasm-simd-threaded',
  'ort-wasm-simd-threaded.jspi',
  'ort-wasm-simd-threaded.asyncify',
] as const;
const wasmFiles = builds.map((build) => `${build}.wasm`);

const fromHere = createRequire(import.meta.url);
export const locate = (file: string) => fromHere.resolve(`onnxruntime-web/${file}`);
const compressedFolder = new URL('./node_modules/.cache/', import.meta.url);

async function engineVersion(): Promise<string> {
  const folder = dirname(locate('ort-wasm-simd-threaded.wasm'));
  const { version } = JSON.parse(await readFile(join(folder, '../package.json'), 'utf8'));
  return String(version);
}

/** A `.wasm` file as gzip, kept from one build to the next: it takes seconds. */
async function compressed(file: string): Promise<Uint8Array> {
  const kept = new URL(`${await engineVersion()}-${file}.gz`, compressedFolder);
  try {
    return await readFile(kept);
  } catch {
    const bytes = await promisify(gzip)(await readFile(locate(file)), { level: 9 });
    await mkdir(compressedFolder, { recursive: true });
    const unfinished = new URL(`${kept.href}.${process.pid}`);
    await writeFile(unfinished, bytes);
    await rename(unfinished, kept);
    return bytes;
  }
}

/** A file by its path: served by the development server, written by the build. */
export type BuiltFiles = Readonly<Record<string, () => Promise<Uint8Array>>>;

/**
 * onnxruntime's files in a folder, so that a page fetches only the build it runs; the `.wasm` files as `.gz`, which the
 * pages unpack themselves: small from any host, with a size that is known beforehand.
 */
export function engineFiles(folder: string): BuiltFiles {
  return Object.fromEntries([
    ...builds.map((build) => [`${folder}/${build}.mjs`, () => readFile(locate(`${build}.mjs`))] as const),
    ...wasmFiles.map((file) => [`${folder}/${file}.gz`, () => compressed(file)] as const),
  ]);
}

/** What the library is told of the engine's files while it is built: `EngineBuild`, as code. */
export async function describedEngine(): Promise<string> {
  const sizes = await Promise.all(
    wasmFiles.map(async (file) => [
      file,
      { bytes: (await stat(locate(file))).size, compressed: (await compressed(file)).length },
    ]),
  );
  return JSON.stringify({ version: await engineVersion(), files: Object.fromEntries(sizes) });
}
