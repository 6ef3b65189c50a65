import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, constants as flag, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Where Linux has files that are memory: tmpfs(5). */
const folder = '/dev/shm';
/** Bytes of one place: a larger message goes through the stream. */
export const placeBytes = 2 ** 22;

/**
 * Memory that the server and one worker share: a file of tmpfs without a name, of which each has a descriptor. A
 * message's tensors take one copy into it and one out of it, where a socket takes several copies, and turns of the event
 * loop, since it holds less than a batch. It has places, each for one message at a time; pages take memory when they are
 * first written.
 */
export class SharedMemory {
  readonly descriptor: number;
  #open = true;

  /** @param descriptor of the file, in this process */
  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** @returns null where there is no such memory: then everything goes through the stream */
  static create(): SharedMemory | null {
    if (!existsSync(folder)) return null;
    const path = join(folder, `generatrix-${randomUUID()}`);
    try {
      const descriptor = openSync(path, flag.O_RDWR | flag.O_CREAT | flag.O_EXCL, 0o600);
      unlinkSync(path);
      return new SharedMemory(descriptor);
    } catch {
      return null;
    }
  }

  /** Writes parts one after the other. @returns false when they do not fit, or the memory is used up */
  write(place: number, parts: readonly NodeJS.ArrayBufferView[]): boolean {
    if (parts.reduce((sum, { byteLength }) => sum + byteLength, 0) > placeBytes) return false;
    let at = place * placeBytes;
    try {
      for (const part of parts) {
        if (writeSync(this.descriptor, part, 0, part.byteLength, at) < part.byteLength) return false;
        at += part.byteLength;
      }
      return true;
    } catch {
      return false; // ENOSPC: containers often have 64 MB for all their processes
    }
  }

  /** Reads a part. @param offset within the place */
  read(place: number, offset: number, target: Uint8Array): void {
    const at = place * placeBytes + offset;
    const count = readSync(this.descriptor, target, 0, target.length, at);
    if (count < target.length) throw new Error(`shared memory ends ${target.length - count} bytes early`);
  }

  close(): void {
    if (this.#open) closeSync(this.descriptor);
    this.#open = false;
  }
}
