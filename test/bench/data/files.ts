import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fillNoise } from '@generatrix/runtime/core';
import sharp from 'sharp';

/** Pictures that differ, written over and over under new names: decoding one costs the same every time. */
const distinct = 500;

/** A folder of so many colour images of this size, smooth enough to be compressed as photographs are. */
export async function writeImages(folder: string, count: number, side: number): Promise<void> {
  const coarse = Math.max(2, side >> 2);
  const format = side > 64 ? 'jpeg' : 'png';
  const encoded: Uint8Array[] = [];
  for (let i = 0; i < Math.min(count, distinct); i++) {
    const noise = fillNoise({
      distribution: 'uniform',
      seed: 1,
      stream: 'bench/images',
      firstIndex: i,
      count: 1,
      shape: [coarse * coarse * 3],
    });
    const raw = { width: coarse, height: coarse, channels: 3 } as const;
    const pixels = Uint8Array.from(noise, (value) => value * 256);
    encoded.push(await sharp(pixels, { raw }).resize(side, side).toFormat(format).toBuffer());
  }
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) writeFileSync(join(folder, `${i}.${format}`), encoded[i % distinct]!);
}

/** A NumPy array of float32 images [rows, 28, 28] in [0, 1], of so many bytes. */
export function writeNpy(path: string, bytes: number): void {
  const width = 28 * 28;
  const rows = Math.ceil(bytes / (4 * width));
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, 28, 28), }`;
  const header = `${dictionary.padEnd(117)}\n`;
  const file = openSync(path, 'w');
  writeSync(file, Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]));
  writeSync(file, header);
  const blockRows = 4096;
  const block = fillNoise({
    distribution: 'uniform',
    seed: 1,
    stream: 'bench/npy',
    firstIndex: 0,
    count: blockRows,
    shape: [width],
  });
  for (let row = 0; row < rows; row += blockRows) {
    const count = Math.min(blockRows, rows - row);
    // No two rows are equal, as the split goes by their content.
    for (let i = 0; i < count; i++) block[i * width] = (row + i) / rows;
    writeSync(file, new Uint8Array(block.buffer, 0, count * width * 4));
  }
  closeSync(file);
}
