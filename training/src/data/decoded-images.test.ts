import { expect, it } from 'vitest';
import type { DatasetFields } from './dataset.ts';
import { decodedImages } from './decoded-images.ts';

const fields: DatasetFields = {
  name: 'images',
  split: 'train',
  spec: { kind: 'image', shape: [2, 1, 1], range: [0, 1] },
  size: 600,
  labels: null,
  classNames: [],
};
const every = Int32Array.from({ length: 600 }, (_, i) => i);

function counting() {
  const decoded: number[] = [];
  return {
    decoded,
    decode: async (index: number) => {
      decoded.push(index);
      await new Promise(setImmediate);
      return Uint8Array.of(index % 256, 255 - (index % 256));
    },
  };
}

it('what fits is decoded once, at the start', async () => {
  const { decoded, decode } = counting();
  const data = await decodedImages(fields, decode, 1200);
  expect(decoded).toHaveLength(600);
  await data.gather(every);
  expect(decoded).toHaveLength(600);
});

it('what does not fit gives the same values, and as many decodings are saved as images are kept', async () => {
  const whole = await decodedImages(fields, counting().decode, 1200);
  const { decoded, decode } = counting();
  const lazy = await decodedImages(fields, decode, 400);
  expect(decoded).toHaveLength(0);
  const reversed = every.toReversed();
  expect(await lazy.gather(every)).toEqual(await whole.gather(every));
  expect(await lazy.gather(reversed)).toEqual(await whole.gather(reversed));
  expect(decoded).toHaveLength(600 + 400);
  await lazy.gather([0, 199]);
  expect(decoded).toHaveLength(1000);
});

it('reports the image that cannot be decoded, and an index outside', async () => {
  const broken = async (index: number) => {
    if (index === 7) throw new Error('7.png');
    return Uint8Array.of(0, 0);
  };
  await expect(decodedImages(fields, broken, 1200)).rejects.toThrow('7.png');
  const lazy = await decodedImages(fields, broken, 0);
  expect((await lazy.gather([6])).data).toEqual(Float32Array.of(0, 0));
  await expect(lazy.gather([6, 7])).rejects.toThrow('7.png');
  await expect(lazy.gather([600])).rejects.toThrow(RangeError);
});
