import { type DataSpec, sizeOf, UserError } from '@generatrix/runtime/core';
import { byteDataset, type Dataset, floatDataset } from './dataset.ts';
import { standardCacheBytes } from './decoded-images.ts';
import { type SeenFile, seeFile } from './file-ranges.ts';
import { isPacked, pathKind } from './files.ts';
import { type NpyArray, type NpyHeader, npyValues, readNpy } from './npy.ts';
import { checkExact, extremes, headerOf, scanNpy } from './npy-scan.ts';
import { rangedDataset } from './ranged-rows.ts';
import { type Identified, type PartRequest, rowsOf, sourceOf, takePart } from './split.ts';
import { tableFiles } from './table-files.ts';

export interface NpyOptions extends PartRequest {
  /** The file, or a folder that holds it (see `tableFiles`). */
  readonly dir: string;
  /** Bytes of a file that is held in memory; a larger one is read as it is needed. */
  readonly cacheBytes?: number | undefined;
}

const isLabelFile = (name: string): boolean => /[-_]labels\.npy$/.test(name);

/**
 * A NumPy array: `[n]` or `[n, d]` are points in their own units; `[n, h, w]` and `[n, h, w, c]` (c = 1 or 3)
 * are images. Whole-number images must lie in 0..255, not all in 0..1, and become [0, 1]; float images must lie in [0, 1] or
 * [-1, 1], which is then their range; booleans become 0 and 1. Class indices are read from
 * `<name>-labels.npy` (or `_labels`) beside the file, if it is there.
 * @throws UserError naming the file that cannot be used.
 */
export async function npy(options: NpyOptions): Promise<Dataset> {
  const { dir, split } = options;
  const paths = await tableFiles(dir, 'npy', (name) => !isLabelFile(name));
  const { files, missing } = sourceOf(options, [...paths.keys()]);
  const path = paths.get(files)!;
  const source = await sourceAt(path, options);
  const { header } = source;
  const total = header.shape[0] ?? 0;
  const spec = specOf(path, header, source);
  const labels = await readLabels(path, total);
  let highest = -1;
  for (const other of paths.values()) {
    for (const label of (await readLabels(other)) ?? []) if (label > highest) highest = label;
  }
  const chosen = takePart(source.examples, options, missing, path);
  const fields = {
    name: 'npy',
    split,
    spec,
    size: chosen.length,
    labels: labels ? chosen.map((index) => labels[index]!) : null,
    classNames: labels ? Array.from({ length: highest + 1 }, (_, label) => String(label)) : [],
  };
  const isBytes = spec.kind === 'image' && !header.dtype.startsWith('f');
  const scale = spec.kind === 'image' && header.dtype === 'b1' ? 255 : 1;
  const width = sizeOf(spec.shape);
  if (source.kind === 'file') {
    const rowBytes = width * header.bytesPerValue;
    const factor = isBytes ? scale / 255 : scale;
    return rangedDataset(fields, chosen, { file: source.file, offset: header.offset, rowBytes }, (bytes) => {
      const values = npyValues(bytes, header);
      return factor === 1 ? values : Float32Array.from(values, (value) => value * factor);
    });
  }
  const values = isBytes ? new Uint8Array(width * chosen.length) : new Float32Array(width * chosen.length);
  chosen.forEach((from, to) => {
    for (let k = 0; k < width; k++) values[to * width + k] = source.values[from * width + k]! * scale;
  });
  return values instanceof Uint8Array ? byteDataset(fields, values) : floatDataset(fields, values);
}

/** An array that was looked through, in memory or left in its file. */
type NpySource = {
  readonly header: NpyHeader;
  readonly low: number;
  readonly high: number;
  readonly examples: Identified;
} & (
  | { readonly kind: 'memory'; readonly values: NpyArray['values'] }
  | { readonly kind: 'file'; readonly file: SeenFile }
);

/** Reads an array that fits into the cache or is packed; passes over one that does not, and leaves it where it is. */
async function sourceAt(
  path: string,
  { cacheBytes = standardCacheBytes, splitSeed = 0 }: NpyOptions,
): Promise<NpySource> {
  const large = (await pathKind(path)) === 'file' ? await seeFile(path) : null;
  if (large !== null && large.size > cacheBytes && !(await isPacked(path))) {
    const header = headerOf(large);
    if (header.columnMajor && header.shape.length > 1) {
      throw new UserError(
        `${path}: expected C order in an array that does not fit into --data-cache, found Fortran order; ` +
          'save numpy.ascontiguousarray(array), or raise --data-cache',
      );
    }
    const { low, high, hashes } = await scanNpy(large, header, splitSeed);
    const identity = () => '';
    return {
      kind: 'file',
      file: large,
      header,
      low,
      high,
      examples: { count: hashes.places.length, identity, hashes },
    };
  }
  const array = await readNpy(path);
  const [low, high] = extremes(path, array.values);
  if (array.shape.length <= 2) checkExact(path, array, array.values);
  const examples = rowsOf(array.values, array.values.length / array.shape[0]!);
  return { kind: 'memory', values: array.values, header: array, low, high, examples };
}

function specOf(
  path: string,
  { shape, dtype }: Pick<NpyHeader, 'shape' | 'dtype'>,
  { low, high }: { readonly low: number; readonly high: number },
): DataSpec {
  if (shape.length === 1 || shape.length === 2) return { kind: 'points', shape: [shape[1] ?? 1] };
  const [, height, width, channels = 1] = shape;
  if (height === undefined || width === undefined || shape.length > 4 || (channels !== 1 && channels !== 3)) {
    throw new UserError(
      `${path}: expected shape [n, d], [n, h, w] or [n, h, w, 1 or 3], found [${shape}]; ` +
        'transpose channels to the end, or reshape it',
    );
  }
  const isFloat = dtype.startsWith('f');
  const range = isFloat && low < 0 ? ([-1, 1] as const) : ([0, 1] as const);
  const [least, most] = isFloat ? range : ([0, 255] as const);
  if (low < least || high > most) {
    throw new UserError(
      `${path}: expected ${isFloat ? 'float pixels in [0, 1] or [-1, 1]' : 'whole-number pixels in 0..255'}, ` +
        `found ${low} to ${high}; scale them`,
    );
  }
  // Bytes of 0 and 1 would be an all but black image.
  if (!isFloat && dtype !== 'b1' && high === 1) {
    throw new UserError(
      `${path}: expected whole-number pixels in 0..255, found only 0 and 1; save array.astype(bool), or multiply by 255`,
    );
  }
  return { kind: 'image', shape: [height, width, channels], range };
}

/** Class indices from the file beside the data; null when there is none. */
async function readLabels(dataPath: string, total?: number): Promise<Int32Array | null> {
  for (const ending of ['-labels.npy', '_labels.npy']) {
    const path = dataPath.replace(/\.npy$/, ending);
    if (path === dataPath || (await pathKind(path)) === 'missing') continue;
    const { shape, values } = await readNpy(path);
    if (shape.length !== 1 || (total !== undefined && shape[0] !== total)) {
      throw new UserError(
        `${path}: expected ${total ?? 'a list of'} labels, one per example of ${dataPath}, found shape [${shape}]; ` +
          'save both from the same set',
      );
    }
    if (values.some((label) => !Number.isInteger(label) || label < 0 || label > 65_535)) {
      throw new UserError(
        `${path}: expected class indices 0 to 65535, found other values; number the classes from 0`,
      );
    }
    return Int32Array.from(values);
  }
  return null;
}
