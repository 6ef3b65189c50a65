import type { Manifest } from '@generatrix/runtime/core';
import { contentKey, keep, modelStore, openStore, readKept } from './stores.ts';

/**
 * The picture, or the sound, that lies in a bundle, from the cache where it is kept; nothing where the bundle has none, or
 * the server does not give it.
 * @param url address of the bundle's folder
 */
export async function posterFile(
  url: string,
  { sample }: Partial<Manifest>,
  signal: AbortSignal,
): Promise<Blob | undefined> {
  if (!sample) return undefined;
  const store = await openStore(modelStore);
  const key = contentKey(sample.sha256);
  const kept = await (await readKept(store, key))?.blob();
  if (kept) return kept;
  const response = await fetch(new URL(sample.file, url), { signal });
  if (!response.ok) return undefined;
  const blob = await response.blob();
  await keep(store, key, blob);
  return blob;
}
