import { open } from 'node:fs/promises';
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
  const bytes = await readWhole(path).catch((error: unknown) => {
    throw new UserError(
      `${path}: expected a safetensors file, found none that can be read: ${messageOf(error)}`,
    );
  });
  return decodeSafetensors(bytes, path);
}

/** In pieces, since `readFile` of Node 20 refuses files of 2 GiB and more. */
async function readWhole(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = new Uint8Array((await file.stat()).size);
    let position = 0;
    while (position < bytes.length) {
      const length = Math.min(bytes.length - position, 2 ** 30);
      const { bytesRead } = await file.read(bytes, position, length, position);
      // The file shrank meanwhile: decoding says what is missing.
      if (bytesRead === 0) return bytes.subarray(0, position);
      position += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}
