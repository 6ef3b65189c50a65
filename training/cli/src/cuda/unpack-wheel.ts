import { closeSync, createReadStream, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { messageOf, UserError } from '@generatrix/runtime/core';
import { Unzip, UnzipInflate } from 'fflate';
import type { Wheel } from './wheels.ts';

/** @throws UserError where a member of the archive is not whole. */
function endOf(unzip: Unzip, file: string): void {
  try {
    unzip.push(new Uint8Array(0), true);
  } catch (error) {
    throw new UserError(`${file}: expected a whole wheel: ${messageOf(error)}`);
  }
}

/**
 * Takes libraries out of a wheel, each whole or not at all.
 * @param path the wheel
 * @param folder where the libraries go
 * @throws UserError when the wheel is without one of them, or has it with another size.
 */
export async function unpackWheel(
  { file, libraries }: Pick<Wheel, 'file' | 'libraries'>,
  path: string,
  folder: string,
): Promise<void> {
  const parts = new Map<string, number>();
  let failure: Error | null = null;
  const unzip = new Unzip((member) => {
    const name = basename(member.name);
    if (!Object.hasOwn(libraries, name) || parts.has(name)) return;
    const part = openSync(join(folder, `${name}.part`), 'w', 0o644);
    parts.set(name, part);
    member.ondata = (error, chunk) => {
      if (error === null) writeSync(part, chunk);
      else failure ??= error;
    };
    member.start();
  });
  unzip.register(UnzipInflate);
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      unzip.push(chunk as Buffer);
      if (failure !== null) throw new UserError(`${file}: expected a whole wheel: ${messageOf(failure)}`);
    }
    endOf(unzip, file);
    for (const [name, bytes] of Object.entries(libraries)) {
      const got = parts.has(name) ? statSync(join(folder, `${name}.part`)).size : 0;
      if (got !== bytes)
        throw new UserError(`${file}: expected ${name} of ${bytes} bytes in it, got ${got} bytes`);
    }
    for (const name of Object.keys(libraries)) renameSync(join(folder, `${name}.part`), join(folder, name));
  } finally {
    for (const [name, part] of parts) {
      closeSync(part);
      rmSync(join(folder, `${name}.part`), { force: true });
    }
  }
}
