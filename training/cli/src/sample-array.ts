import { dirname } from 'node:path';
import { type HostTensor, type Samples, sizeOf } from '@generatrix/runtime/core';
import { npyHeader } from '@generatrix/runtime/media';
import { checkSpace, writeFileAtomic } from '@generatrix/training/files';

/** Values drawn at a time: 16 MB. */
const chunkValues = 2 ** 22;

/**
 * Writes samples as a `.npy` file while they are drawn, so that memory holds a part of them only.
 * @param chunk samples drawn at a time; about 16 MB of them when absent
 * @param draw draws `count` samples from the index `first` on; the seed of the first call is that of all
 * @returns the seed
 * @throws UserError when the disk does not have room for all of them, before any is drawn.
 */
export async function writeSampleArray(
  path: string,
  {
    count,
    shape,
    chunk = Math.max(1, Math.floor(chunkValues / sizeOf(shape))),
  }: { readonly count: number; readonly shape: readonly number[]; readonly chunk?: number },
  draw: (first: number, count: number, seed?: Samples['seed']) => Promise<Pick<Samples, 'seed' | 'data'>>,
): Promise<Samples['seed']> {
  await checkSpace(dirname(path), 4 * count * sizeOf(shape), `${path} takes`);
  let seed: Samples['seed'] | undefined;
  async function* parts(): AsyncGenerator<Uint8Array> {
    for (let first = 0; first < count; first += chunk) {
      const drawn = await draw(first, Math.min(chunk, count - first), seed);
      seed = drawn.seed;
      if (first === 0)
        yield npyHeader({ dtype: drawn.data.dtype, shape: [count, ...drawn.data.shape.slice(1)] });
      yield bytesOf(drawn.data);
    }
  }
  await writeFileAtomic(path, parts());
  return seed!;
}

function bytesOf({ data }: HostTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
