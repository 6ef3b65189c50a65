import { zipSync } from 'fflate';

/**
 * A zip archive of one folder.
 * @param files bytes by path in the folder
 * @param level 0 stores them as they are, 9 takes longest to shrink them; at once, since workers that compress are
 *   against a strict policy
 */
export function zipFolder(
  folder: string,
  files: Readonly<Record<string, Uint8Array>>,
  level: 0 | 1,
): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(files).map(([path, bytes]) => [`${folder}/${path}`, bytes]);
  return zipSync(Object.fromEntries(entries) as Record<string, Uint8Array>, { level });
}
