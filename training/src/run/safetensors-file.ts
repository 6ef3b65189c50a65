import { readFile } from 'node:fs/promises';
import {
  decodeSafetensors,
  encodeSafetensors,
  type HostTensor,
  messageOf,
  type Safetensors,
  UserError,
} from '@generatrix/runtime/core';
import { writeFileAtomic } from './atomic.ts';

/** Writes tensors and texts as a safetensors file, atomically. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, HostTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomic(path, encodeSafetensors(tensors, metadata));
}

/**
 * Reads a safetensors file.
 * @throws UserError naming the file, when it cannot be read or is broken.
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new UserError(
      `${path}: expected a safetensors file, found none that can be read: ${messageOf(error)}`,
    );
  });
  return decodeSafetensors(bytes, path);
}
