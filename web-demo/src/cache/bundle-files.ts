import type { Manifest } from '@generatrix/runtime/web';
import { contentKey, keep, modelStore, openStore, readKept } from './stores.ts';

/** What this file needs to know of a manifest: any object in it that names a file, its size and its hash. */
interface FileEntry {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A bundle's `model.json` as it came, and whether the server or the cache gave it. */
export interface ManifestText {
  readonly text: string;
  readonly fromCache: boolean;
}

/**
 * Fetches a bundle's manifest. The server is asked first, so that a model that was replaced is noticed; where it
 * cannot be reached, the last manifest that was seen serves. Files that a replaced manifest named, and the new one
 * does not, leave the cache.
 * @param url address of `model.json`
 * @throws when the server refuses, or is out of reach and nothing is kept.
 */
export async function fetchManifest(url: string, signal?: AbortSignal): Promise<ManifestText> {
  const store = await openStore(modelStore);
  const kept = await (await readKept(store, url))?.text();
  let response: Response;
  try {
    response = await fetch(url, { cache: 'no-cache', ...(signal ? { signal } : {}) });
  } catch (error) {
    signal?.throwIfAborted();
    if (kept !== undefined) return { text: kept, fromCache: true };
    throw new Error(`${url} cannot be fetched: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!response.ok) throw new Error(`${url} cannot be fetched: the server answered ${response.status}`);
  const text = await response.text();
  if (kept !== text) {
    await keep(store, url, text);
    await dropFiles(store, kept, text);
  }
  return { text, fromCache: false };
}

/**
 * A manifest as it came, for those who look at it before the worker has checked it: they must expect anything of its
 * members.
 * @param bundle how messages call it
 * @throws when it is no JSON, or no object.
 */
export function parseManifest(text: string, bundle: string): Partial<Manifest> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`bundle ${bundle}: model.json is not JSON: ${(error as Error).message}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  const found = value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
  throw new Error(`bundle ${bundle}: model.json is no manifest: expected an object, found ${found}`);
}

/** The files that a manifest names, by their paths; none when it is no manifest. */
export function filesOf(text: string): ReadonlyMap<string, FileEntry> {
  const found = new Map<string, FileEntry>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { file, bytes, sha256 } = value as Partial<FileEntry>;
    const complete = typeof file === 'string' && typeof bytes === 'number' && typeof sha256 === 'string';
    if (complete && /^[0-9a-f]{64}$/.test(sha256)) found.set(file, { file, bytes, sha256 });
    for (const member of Object.values(value)) visit(member);
  };
  try {
    visit(JSON.parse(text));
  } catch {
    // Whoever reads the manifest for its contents says what is wrong with it.
  }
  return found;
}

async function dropFiles(store: Cache | undefined, before: string | undefined, now: string): Promise<void> {
  if (store === undefined || before === undefined) return;
  const wanted = new Set([...filesOf(now).values()].map(({ sha256 }) => sha256));
  const gone = [...filesOf(before).values()].filter(({ sha256 }) => !wanted.has(sha256));
  await Promise.all(gone.map(({ sha256 }) => store.delete(contentKey(sha256)).catch(() => false)));
}

/** Whether a file of a bundle need not be fetched. */
export async function isKept(sha256: string): Promise<boolean> {
  const store = await openStore(modelStore);
  return (await readKept(store, contentKey(sha256))) !== undefined;
}
