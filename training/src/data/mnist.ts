import { join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { byteDataset, type Dataset, type DatasetFields, type Split } from './dataset.ts';
import { standardCacheBytes } from './decoded-images.ts';
import { readRangeNow, type SeenFile, seeFile } from './file-ranges.ts';
import { isPacked, listFolder } from './files.ts';
import { type IdxBytes, type IdxHeader, readIdx, readIdxHeader } from './idx.ts';
import { rangedDataset } from './ranged-rows.ts';
import { type PartRequest, sourceOf, takePart } from './split.ts';

export interface MnistOptions extends PartRequest {
  /** Folder with the IDX files, packed with gzip or not. */
  readonly dir: string;
  /** Bytes of a file that is held in memory; a larger one is read as it is needed. */
  readonly cacheBytes?: number | undefined;
}

type FileSplit = Exclude<Split, 'validation'>;

const prefixes: Record<FileSplit, string> = { train: 'train', test: 't10k' };

/**
 * Images `[height, width, 1]` in [0, 1] from MNIST's files or others of their form (Fashion-MNIST, KMNIST):
 * `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same with `t10k` (or `test`), each plain or
 * `.gz`. Without a label file the data is unlabelled. Classes are named by their number: 0-9 when no training
 * label is above 9, else up to the highest.
 * @throws UserError when a file is missing, broken, or images and labels do not match.
 */
export async function mnist(options: MnistOptions): Promise<Dataset> {
  const { dir, split } = options;
  const source = sourceOf(options, ['train', 'test']).files as FileSplit;
  const { files } = await listFolder(dir);
  const imageFile = theFile(dir, files, source, 'images', 3);
  if (imageFile === undefined) {
    throw new UserError(
      `${dir}: expected ${prefixes[source]}-images-idx3-ubyte or the same with .gz, found ` +
        `${files.length === 0 ? 'no files' : `${files.slice(0, 4).join(', ')}${files.length > 4 ? ', ...' : ''}`}; ` +
        'give the folder of the four MNIST files with --data-dir',
    );
  }
  const labelFile = theFile(dir, files, source, 'labels', 1);
  if (labelFile === undefined) refuseStrayLabels(dir, files, source);
  const [images, labels] = await Promise.all([
    readImages(imageFile, options),
    labelFile === undefined ? undefined : readIdx(labelFile, 1, 'MNIST-style labels'),
  ]);
  const [total, height, width] = images.shape as [number, number, number];
  if (labels && labelFile && labels.shape[0] !== total) {
    throw new UserError(
      `${labelFile}: expected ${total} labels, one per image of ${imageFile}, found ${labels.shape[0]}; ` +
        'take both files from the same set',
    );
  }
  if (total < 2 && source === 'train') {
    throw new UserError(`${imageFile}: expected at least 2 images to train and validate, found 1; add more`);
  }
  const { start, end } = rangeOf(options, source, total);
  const part = { count: end - start, identity: (index: number) => String(start + index) };
  const chosen = takePart(part, options, [], dir).map((index) => start + index);
  const classes = labels === undefined ? 0 : await classCount(dir, files, source);
  const fields: DatasetFields = {
    name: 'mnist',
    split,
    spec: { kind: 'image', shape: [height, width, 1], range: [0, 1] },
    size: chosen.length,
    labels: labels ? chosen.map((index) => labels.values[index]!) : null,
    classNames: Array.from({ length: classes }, (_, label) => String(label)),
  };
  const area = height * width;
  if ('file' in images) {
    const rows = { file: images.file, offset: images.offset, rowBytes: area };
    return rangedDataset(fields, chosen, rows, (bytes) =>
      Float32Array.from(bytes, (byte) => byte * (1 / 255)),
    );
  }
  // Bytes of 0 and 1 would be all but black.
  if (images.values.every((byte) => byte <= 1) && images.values.includes(1)) {
    throw new UserError(`${imageFile}: expected pixels in 0..255, found only 0 and 1; multiply them by 255`);
  }
  let pixels = images.values;
  if (chosen.length < total) {
    pixels = new Uint8Array(chosen.length * area);
    chosen.forEach((from, to) => {
      pixels.set(images.values.subarray(from * area, (from + 1) * area), to * area);
    });
  }
  return byteDataset(fields, pixels);
}

/**
 * The examples of the file that are a part: the last 10,000 training examples are to validate, as the papers take
 * them; the last tenth of fewer than 60,000.
 */
function rangeOf(
  { split, splitRule }: MnistOptions,
  source: FileSplit,
  total: number,
): { start: number; end: number } {
  if (source === 'test' || splitRule === 'permutation') return { start: 0, end: total };
  const kept = total - (total >= 60_000 ? 10_000 : Math.max(1, Math.floor(total / 10)));
  return split === 'validation' ? { start: kept, end: total } : { start: 0, end: kept };
}

/** The images of a file that fits into the cache or is packed; of a larger one only where they lie. */
async function readImages(
  path: string,
  { cacheBytes = standardCacheBytes }: MnistOptions,
): Promise<IdxBytes | (IdxHeader & { readonly file: SeenFile })> {
  const purpose = 'MNIST-style images';
  const file = await seeFile(path);
  if (file.size <= cacheBytes || (await isPacked(path))) return readIdx(path, 3, purpose);
  const start = readRangeNow(file, { offset: 0, length: Math.min(64, file.size) });
  return { ...readIdxHeader(path, start, file.size, 3, purpose), file };
}

/**
 * Ten classes, or as many as the training labels need, or the test labels where there are none; training never opens
 * the test part.
 * @throws UserError when a test label is beyond the training classes.
 */
async function classCount(dir: string, files: readonly string[], source: FileSplit): Promise<number> {
  const count = async (part: FileSplit): Promise<number | null> => {
    const path = theFile(dir, files, part, 'labels', 1);
    if (path === undefined) return null;
    const { values } = await readIdx(path, 1, 'MNIST-style labels');
    return values.reduce((most, label) => Math.max(most, label + 1), 10);
  };
  const trained = await count('train');
  if (source === 'train') return trained!;
  const tested = (await count('test'))!;
  if (trained !== null && tested > trained) {
    throw new UserError(
      `${dir}: expected test labels 0 to ${trained - 1}, as the training labels are, found ${tested - 1}; take both from the same set`,
    );
  }
  return trained ?? tested;
}

/** @throws UserError when a file looks like this part's labels, but is not named so that it is read. */
function refuseStrayLabels(dir: string, files: readonly string[], source: FileSplit): void {
  const start = source === 'train' ? /train/i : /t10k|test/i;
  const stray = files.find((name) => start.test(name) && /label/i.test(name));
  if (stray === undefined) return;
  throw new UserError(
    `${join(dir, stray)}: expected labels in a file named ${prefixes[source]}-labels-idx1-ubyte; rename it, or ` +
      'move it away to leave the images without labels',
  );
}

/** The one file of this split and part; a plain file is preferred to its packed twin. */
function theFile(
  dir: string,
  files: readonly string[],
  split: FileSplit,
  part: string,
  rank: number,
): string | undefined {
  const start = split === 'train' ? 'train' : '(?:t10k|test)';
  const pattern = new RegExp(`(?:^|[-_.])${start}[-_.]${part}[-_.]idx${rank}[-_.]ubyte(?:\\.gz)?$`);
  const matches = files.filter((name) => pattern.test(name));
  const distinct = new Set(matches.map((name) => name.replace(/\.gz$/, '')));
  if (distinct.size > 1) {
    throw new UserError(
      `${dir}: expected one file of ${split} ${part}, found ${[...distinct].join(' and ')}; keep one set per folder`,
    );
  }
  const name = matches.find((match) => !match.endsWith('.gz')) ?? matches[0];
  return name === undefined ? undefined : join(dir, name);
}
