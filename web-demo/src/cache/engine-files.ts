import { configureWeb } from '@generatrix/runtime/web';
import { type OnBytes, readAll } from './download.ts';
import { engineBuild } from './engine-build.ts';
import { dropOldEngines, engineStore, keep, openStore, readKept } from './stores.ts';

/**
 * Reads one of onnxruntime's `.wasm` files: from the cache of its version, else from the server, where it lies
 * compressed (`NAME.gz`), so that a host that compresses nothing sends no more bytes than one that does.
 * @param folder address of the folder with onnxruntime's files, ending in `/`
 * @throws when it cannot be fetched or unpacked.
 */
export async function readEngineFile(folder: string, file: string, onBytes?: OnBytes): Promise<ArrayBuffer> {
  const { version, files } = engineBuild;
  const key = new URL(`${file}.gz`, folder).href;
  const store = await openStore(engineStore(version));
  const kept = await readKept(store, key);
  if (kept) return unpack(new Uint8Array(await kept.arrayBuffer()));
  const response = await fetch(key);
  if (!response.ok) throw new Error(`${key} cannot be fetched: the server answered ${response.status}`);
  const bytes = await readAll(response, files[file]?.compressed ?? 0, onBytes);
  const unpacked = await unpack(bytes);
  await keep(store, key, bytes);
  await dropOldEngines(version);
  return unpacked;
}

/**
 * Lets the runtime take onnxruntime's files from a folder of the site.
 * @param folder its address, ending in `/`
 */
export function useEngineFolder(folder: string, onBytes?: OnBytes): void {
  configureWeb({ wasmPaths: folder, readWasm: (file) => readEngineFile(folder, file, onBytes) });
}

/** Some servers mark `.gz` files as compressed content, which the browser has then unpacked already. */
async function unpack(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!packed) return bytes.buffer;
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
}
