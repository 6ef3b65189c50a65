import { type BundleSource, type Manifest, parseManifest, type ReadOptions } from '@generatrix/runtime/web';

const modelCache = 'generatrix-models-1';
const enginePrefix = 'generatrix-onnxruntime-';

/** Called with bytes received so far and the total, 0 when unknown. */
export type OnBytes = (received: number, total: number) => void;

/** The browser's cache, where there is one: pages that are not served securely have none. */
async function openCache(name: string): Promise<Cache | null> {
  if (!('caches' in globalThis)) return null;
  return caches.open(name).catch(() => null);
}

/** An address within this origin that nothing else uses. */
const keyOf = (hash: string) => new URL(`/.generatrix/${hash}`, location.origin).href;

/**
 * A bundle whose files are kept in the browser by their SHA-256, so that a second visit downloads nothing but
 * `model.json`, and not even that when the server cannot be reached. What comes from the cache is verified like
 * what comes from the server.
 */
export function cachedSource(source: BundleSource): BundleSource {
  let hashes = new Map<string, string>();
  const manifestKey = keyOf(`manifest/${encodeURIComponent(source.describe())}`);
  const readManifest = async (path: string, options?: ReadOptions): Promise<Uint8Array> => {
    const cache = await openCache(modelCache);
    let bytes: Uint8Array;
    try {
      bytes = await source.read(path, options);
      await cache?.put(manifestKey, new Response(Uint8Array.from(bytes)));
    } catch (error) {
      const kept = await cache?.match(manifestKey);
      if (kept === undefined) throw error;
      bytes = new Uint8Array(await kept.arrayBuffer());
    }
    hashes = hashesOf(bytes, source.describe());
    return bytes;
  };
  return {
    describe: () => source.describe(),
    read: async (path, options) => {
      if (path === 'model.json') return readManifest(path, options);
      const hash = hashes.get(path);
      const cache = hash === undefined ? null : await openCache(modelCache);
      const kept = await cache?.match(keyOf(hash!));
      if (kept !== undefined) return new Uint8Array(await kept.arrayBuffer());
      const bytes = await source.read(path, options);
      await cache?.put(keyOf(hash!), new Response(Uint8Array.from(bytes)));
      return bytes;
    },
  };
}

function hashesOf(bytes: Uint8Array, where: string): Map<string, string> {
  let manifest: Manifest;
  try {
    manifest = parseManifest(JSON.parse(new TextDecoder().decode(bytes)), where);
  } catch {
    return new Map(); // the bundle's own check says what is wrong
  }
  const { reference, sample, programs } = manifest;
  const entries = [...Object.values(programs), reference, sample].filter((entry) => entry !== undefined);
  return new Map(entries.map(({ file, sha256 }) => [file, sha256]));
}

/** Reads onnxruntime's WASM file, kept in the browser for as long as the version is in use. */
export async function readEngine(url: string, version: string, onBytes: OnBytes): Promise<ArrayBuffer> {
  const name = `${enginePrefix}${version}`;
  const cache = await openCache(name);
  if (cache !== null) {
    const old = (await caches.keys()).filter((key) => key.startsWith(enginePrefix) && key !== name);
    await Promise.all(old.map((key) => caches.delete(key)));
  }
  const kept = await cache?.match(url);
  if (kept !== undefined) return kept.arrayBuffer();
  const response = await fetch(url);
  if (!response.ok || response.body === null) {
    throw new Error(
      `${url}: the server answered ${response.status}; onnxruntime's files must lie beside the element`,
    );
  }
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    received += part.value.byteLength;
    onBytes(received, 0);
  }
  const blob = new Blob(chunks, { type: 'application/wasm' });
  await cache?.put(url, new Response(blob));
  return blob.arrayBuffer();
}
