import { totalmem } from 'node:os';
import { UserError } from '@generatrix/runtime/core';
import { byteSize } from './byte-size.ts';

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
