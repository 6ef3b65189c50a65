import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { UserError } from '@generatrix/runtime/core';

const units = ['bytes', 'KB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const;

/** A number of bytes for people: three digits and the decimal unit, such as `19.5 GB`. */
export function byteSize(bytes: number): string {
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

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

/** Memory that this process may use, bytes: the machine's, or less where a container sets a limit. */
export function memoryLimit(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/**
 * Refuses, before it is allocated, what cannot lie in memory.
 * @param flag the flag that asks for it
 * @param count how many are asked for
 * @param bytesEach what each takes at least, bytes
 * @param what what is held, such as `examples`
 * @throws UserError with both numbers, and the most that would do.
 */
export function checkMemory(
  flag: string,
  count: number,
  bytesEach: number,
  what: string,
  limit: number = memoryLimit(),
): void {
  if (count * bytesEach <= limit) return;
  throw new UserError(
    `${flag} ${count}: ${what} take ${byteSize(count * bytesEach)} of memory, and there are ${byteSize(limit)}; ` +
      `say at most ${Math.floor(limit / bytesEach)}`,
  );
}
