import { statfs } from 'node:fs/promises';
import { UserError } from '@generatrix/runtime/core';
import { byteSize } from './byte-size.ts';

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
  throw new UserError(
    `${folder}: the disk is full, ${byteSize(free)} are free and ${what} ${byteSize(bytes)}; make room or choose another path`,
  );
}
