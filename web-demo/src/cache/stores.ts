/** Names of this library's caches begin with this, so that they can be told from others of the origin. */
const prefix = 'generatrix-';

/** Models' files, keyed by their SHA-256, and the last manifest of every bundle, keyed by its address. */
export const modelStore = `${prefix}models-v1`;

/** onnxruntime's files of one version. */
export const engineStore = (version: string) => `${prefix}engine-${version}`;

/**
 * Opens a cache; nothing where there is none, as in a page that is not served over HTTPS. All must work without.
 */
export async function openStore(name: string): Promise<Cache | undefined> {
  try {
    return await globalThis.caches?.open(name);
  } catch {
    return undefined; // storage is switched off or full
  }
}

/** What a cache keeps; nothing where it keeps none, or cannot be read. */
export async function readKept(store: Cache | undefined, key: string): Promise<Response | undefined> {
  return store?.match(key).catch(() => undefined);
}

/** Keeps an answer. @returns false where there is no room, or no cache. */
export async function keep(store: Cache | undefined, key: string, body: BodyInit): Promise<boolean> {
  const kept = store?.put(key, new Response(body)).then(
    () => true,
    () => false,
  );
  return (await kept) ?? false;
}

/** Removes engines of other versions than the one in use. */
export async function dropOldEngines(current: string): Promise<void> {
  try {
    const names = (await globalThis.caches?.keys()) ?? [];
    const old = names.filter((name) => name.startsWith(engineStore('')) && name !== engineStore(current));
    await Promise.all(old.map((name) => caches.delete(name)));
  } catch {
    // storage is switched off: there are none
  }
}

/**
 * An address of this origin that no server answers, since a cache wants addresses for keys. A page without an origin, as in
 * a sandboxed frame, has no cache: its keys need only be addresses.
 * @param path of the key, beginning with `/`
 */
export function storeKey(path: string): string {
  return new URL(path, location.origin === 'null' ? 'https://localhost' : location.origin).href;
}

/** The key of a file by its contents. */
export function contentKey(sha256: string): string {
  return storeKey(`/generatrix-content/${sha256}`);
}
