import { hostTensor, sizeOf } from '@generatrix/runtime/core';
import { npyBytes } from '@generatrix/runtime/media';
import { Header } from 'tar';
import type { Block } from './blocks.ts';

const blockBytes = 512;

/** A tar file as WebDataset reads it, in parts: for each sample 000000123.npy, and 000000123.cls with its class. */
export async function* tarParts(blocks: AsyncIterable<Block>): AsyncGenerator<Uint8Array> {
  for await (const { first, count, data, labels } of blocks) {
    const shape = data.shape.slice(1);
    const size = sizeOf(shape);
    const parts: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const key = String(first + i).padStart(9, '0');
      const values = data.data.subarray(i * size, (i + 1) * size);
      parts.push(...member(`${key}.npy`, npyBytes(hostTensor(data.dtype, shape, values))));
      if (labels !== null) parts.push(...member(`${key}.cls`, Buffer.from(String(labels[i]))));
    }
    yield Buffer.concat(parts);
  }
  // Two empty blocks end the file.
  yield new Uint8Array(2 * blockBytes);
}

/** A header and a file padded to whole blocks. Times and owners are fixed, so that a shard has one form. */
function member(path: string, bytes: Uint8Array): Uint8Array[] {
  const header = Buffer.alloc(blockBytes);
  const about = { mode: 0o644, uid: 0, gid: 0, mtime: new Date(0), type: 'File' } as const;
  new Header({ ...about, path, size: bytes.length }).encode(header, 0);
  return [header, bytes, new Uint8Array((blockBytes - (bytes.length % blockBytes)) % blockBytes)];
}
