import { configureWeb } from '@generatrix/runtime/web';
import { type OnBytes, readAll } from './download.ts';
import { engineBuild } from './engine-build.ts';
import { dropOldEngines, engineStore, keep, openStore, readKept } from './stores.ts';

/**
 * Reads one of onnxruntime's `.wasm` files: from the cache of its version, else from the server, where it lies
 * compressed (`NAME.gz`), so that a host that compresses nothing sends no more bytes than one that does.
 * @param key the address of the packed file
 * @throws when it cannot be fetched or unpacked.
 */
async function readEngineFile(key: string, file: string, onBytes?: OnBytes): Promise<ArrayBuffer> {
  const { version, files } = engineBuild;
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

/** Where onnxruntime's files are: in a folder, whose address ends in `/`, or each at an address of its own. */
export type EngineFiles = { readonly folder: string } | { readonly files: Readonly<Record<string, string>> };

/** Lets the runtime take onnxruntime's files from where they are. */
export function setEngine(engine: EngineFiles, onBytes?: OnBytes): void {
  const address = (file: string): string => {
    if ('folder' in engine) return engine.folder + file;
    const found = engine.files[file];
    if (found !== undefined) return found;
    throw new Error(`this copy of the library has no ${file}: it was built for other devices`);
  };
  configureWeb({
    wasmPaths: address,
    readWasm: (file) => readEngineFile(address(`${file}.gz`), file, onBytes),
    // In a folder there are none: the site's build puts onnxruntime's scripts inside.
    ...('files' in engine ? { importScript: (file) => import(/* @vite-ignore */ address(file)) } : {}),
  });
}

/** Some servers mark `.gz` files as compressed content, which the browser has then unpacked already. */
async function unpack(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!packed) return bytes.buffer;
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
}
