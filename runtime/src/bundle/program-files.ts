import type { FileEntry, Manifest, ProgramEntry } from './manifest-schema.ts';

/**
 * The files that it takes to run a program: its own, then those of its weights. Apart from the reader of manifests, which
 * a page needs in its worker only.
 */
export function programFiles(
  { weights = [] }: Pick<Manifest, 'weights'>,
  { file, bytes, sha256, weights: names = [] }: Pick<ProgramEntry, keyof FileEntry | 'weights'>,
): readonly FileEntry[] {
  return [{ file, bytes, sha256 }, ...weights.filter((entry) => names.includes(entry.file))];
}
