import { statfs } from 'node:fs/promises';
import { UserError } from '@generatrix/runtime/core';

/**
 * Refuses what the disk does not have room for, before anything is written.
 * @param bytes what will be written, at least
 * @throws UserError with both numbers.
 */
export async function checkSpace(folder: string, bytes: number, what: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  // Some file systems say nothing of their space.
  if (bytes <= free || bsize === 0) return;
  const size = (count: number) => `${(count / 1e6).toPrecision(3)} MB`;
  throw new UserError(
    `${folder}: the disk is full, ${size(free)} are free and ${what} ${size(bytes)}; make room or choose another path`,
  );
}
