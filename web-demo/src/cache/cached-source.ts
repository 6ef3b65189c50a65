import {
  type BundleSource,
  digestHex,
  type ReadOptions,
  UserError,
  webSource,
} from '@generatrix/runtime/web';
import { fetchManifest, filesOf } from './bundle-files.ts';
import { contentKey, keep, modelStore, openStore, readKept } from './stores.ts';

const manifestFile = 'model.json';

export interface CachedSource extends BundleSource {
  /** Bytes that came from the server and not from the cache, manifest left out. */
  readonly downloaded: () => number;
}

/**
 * A bundle on a web server whose files are kept by their hashes: each is fetched once for an origin, whatever pages
 * or bundles use it. What does not have the hash that the manifest says is not kept.
 * @param url address of the bundle's folder, ending in `/`
 */
export function cachedSource(url: string): CachedSource {
  const server = webSource(url);
  let hashes: ReturnType<typeof filesOf> = new Map();
  let downloaded = 0;
  /** Where there is no cache, or no room in it, a file that was just fetched serves once more: reading twice must not fetch twice. */
  const unkept = new Map<string, Uint8Array>();

  const readManifest = async (signal?: AbortSignal) => {
    try {
      const { text } = await fetchManifest(new URL(manifestFile, url).href, signal);
      hashes = filesOf(text);
      return new TextEncoder().encode(text);
    } catch (error) {
      signal?.throwIfAborted();
      throw new UserError(`bundle ${url}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };

  const readFile = async (path: string, options: ReadOptions) => {
    const entry = hashes.get(path);
    if (!entry) return server.read(path, options);
    const store = await openStore(modelStore);
    const key = contentKey(entry.sha256);
    const kept = await (await readKept(store, key))?.arrayBuffer();
    if (kept?.byteLength === entry.bytes) {
      options.onProgress?.({ received: entry.bytes, total: entry.bytes });
      return new Uint8Array(kept);
    }
    const again = unkept.get(path);
    unkept.delete(path);
    if (again) return again;
    const bytes = await server.read(path, options);
    downloaded += bytes.byteLength;
    const isKept =
      store !== undefined &&
      (await digestHex(bytes)) === entry.sha256 &&
      (await keep(store, key, bytes as Uint8Array<ArrayBuffer>));
    if (!isKept) unkept.set(path, bytes);
    return bytes;
  };

  return {
    describe: () => server.describe(),
    downloaded: () => downloaded,
    read: (path, options = {}) =>
      path === manifestFile ? readManifest(options.signal) : readFile(path, options),
  };
}
