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

/** Keeps an answer, or does not, where there is no room: a cache may fail without a word. */
export async function keep(store: Cache | undefined, key: string, body: BodyInit): Promise<void> {
  await store?.put(key, new Response(body)).catch(() => undefined);
}

/** Removes engines of other versions than the one in use. */
export async function dropOldEngines(current: string): Promise<void> {
  const names = (await globalThis.caches?.keys().catch(() => [])) ?? [];
  const old = names.filter((name) => name.startsWith(engineStore('')) && name !== engineStore(current));
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** The key of a file by its contents; an address that no server answers, since a cache wants addresses. */
export function contentKey(sha256: string): string {
  return new URL(`/generatrix-content/${sha256}`, location.origin).href;
}
