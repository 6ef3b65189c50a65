import { sizeOf } from '@generatrix/runtime/core';
import { byteDataset, checkIndices, type Dataset, type DatasetFields } from './dataset.ts';

/** Bytes of decoded images that are kept when nothing else is asked for. */
export const standardCacheBytes = 256 * 2 ** 20;

/** Images decoded at once: more than the decoder has threads, so that these never wait for this thread. */
const inFlight = 256;

/**
 * Images that are decoded when they are gathered, by the decoder's own threads. When all fit into `cacheBytes` they are
 * decoded now and kept. Else as many are kept as fit, the first that are gathered: every epoch shows every image once
 * in a new order, so that of a share f that is kept, f is found again, whereas of the most recently used only about
 * f^2 / 2 would be.
 * @param decode gives [height, width, channels] bytes of the image at an index
 * @throws what `decode` throws, now or at gather.
 */
export async function decodedImages(
  fields: DatasetFields,
  decode: (index: number) => Promise<Uint8Array>,
  cacheBytes: number = standardCacheBytes,
): Promise<Dataset> {
  const area = sizeOf(fields.spec.shape);
  const { size } = fields;
  if (size * area <= cacheBytes) {
    const pixels = new Uint8Array(size * area);
    await eachIn(
      Int32Array.from({ length: size }, (_, i) => i),
      async (index) => {
        pixels.set(await decode(index), index * area);
      },
    );
    return byteDataset(fields, pixels);
  }
  const kept = new Map<number, Uint8Array>();
  const room = Math.floor(cacheBytes / area);
  const imageAt = async (index: number): Promise<Uint8Array> => {
    const known = kept.get(index);
    if (known !== undefined) return known;
    const pixels = await decode(index);
    // A decoder's buffer may be a view of a larger one, which would be kept as well; a Buffer's slice() is one too.
    if (kept.size < room) kept.set(index, new Uint8Array(pixels));
    return pixels;
  };
  return {
    ...fields,
    async gather(indices) {
      checkIndices(fields.name, indices, size);
      const out = new Float32Array(indices.length * area);
      await eachIn(
        Int32Array.from({ length: indices.length }, (_, row) => row),
        async (row) => {
          const pixels = await imageAt(indices[row]!);
          for (let k = 0; k < area; k++) out[row * area + k] = pixels[k]! * (1 / 255);
        },
      );
      return { dtype: 'float32', shape: [indices.length, ...fields.spec.shape], data: out };
    },
  };
}

/** Runs the task for each item, so many at once; the first failure ends it. */
async function eachIn(items: Int32Array, task: (item: number) => Promise<void>): Promise<void> {
  let next = 0;
  const inTurn = async (): Promise<void> => {
    while (next < items.length) await task(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, items.length) }, inTurn));
}
