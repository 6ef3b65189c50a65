import { decodeImageFile, imageFileSize } from '@generatrix/runtime/media';
import { UserError } from '../errors.ts';
import { labelledFiles } from './class-folders.ts';
import { byteDataset, type Dataset } from './dataset.ts';
import { firstLine } from './files.ts';
import type { PartRequest } from './split.ts';

export interface ImageFolderOptions extends PartRequest {
  readonly dir: string;
  /** [height, width] in pixels; the first image's own size when absent, if that is at most 256 by 256. */
  readonly imageSize?: readonly [number, number];
  /** 3 (RGB) when absent; 1 is luminance. */
  readonly channels?: 1 | 3;
}

const extensions = new Set(['png', 'jpg', 'jpeg', 'webp', 'gif', 'avif', 'tif', 'tiff']);

/** Largest side, in pixels, that is taken from the images when none is asked for. */
const largestImpliedSide = 256;

/** Bytes of decoded pixels beyond which a request is refused. */
const memoryLimit = 4 * 1024 ** 3;

/** Images decoded at once: enough to keep the thread pool of the decoder busy. */
const inFlight = 16;

/**
 * A folder of images of any size as `[height, width, channels]` in [0, 1]. Each is turned upright (EXIF),
 * scaled to cover the asked size and cut about its centre (nothing is stretched), and laid on white where it
 * is transparent. Classes and splits: see `labelledFiles`.
 * @throws UserError naming the folder or the image that cannot be used.
 */
export async function imageFolder(options: ImageFolderOptions): Promise<Dataset> {
  const { dir, split, channels = 3 } = options;
  const { paths, first, labels, classNames } = await labelledFiles({
    ...options,
    what: 'images',
    extensions,
  });
  const [height, width] = options.imageSize ?? (await impliedSize(first));
  const area = height * width * channels;
  if (area * paths.length > memoryLimit) {
    throw new UserError(
      `${dir}: expected at most 4 GiB of pixels, found ${paths.length} images of ${height}x${width}x${channels} ` +
        `(${((area * paths.length) / 1024 ** 3).toFixed(1)} GiB); lower --image-size or --size`,
    );
  }
  const pixels = new Uint8Array(area * paths.length);
  let next = 0;
  const decodeInTurn = async (): Promise<void> => {
    while (next < paths.length) {
      const index = next++;
      pixels.set(await decodeImage(paths[index]!, [height, width], channels), index * area);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, decodeInTurn));
  return byteDataset(
    {
      name: 'images',
      split,
      spec: { kind: 'image', shape: [height, width, channels], range: [0, 1] },
      size: paths.length,
      labels,
      classNames,
    },
    pixels,
  );
}

async function decodeImage(
  path: string,
  [height, width]: readonly [number, number],
  channels: 1 | 3,
): Promise<Uint8Array> {
  try {
    return await decodeImageFile(path, { height, width, channels });
  } catch (error) {
    throw brokenImage(path, error);
  }
}

async function impliedSize(path: string): Promise<readonly [number, number]> {
  const { height, width } = await imageFileSize(path).catch((error: unknown) => {
    throw brokenImage(path, error);
  });
  if (Math.max(height, width) > largestImpliedSide) {
    throw new UserError(
      `${path}: expected an image of at most ${largestImpliedSide} by ${largestImpliedSide} pixels, found ` +
        `${height}x${width}; choose a size with --image-size`,
    );
  }
  return [height, width];
}

function brokenImage(path: string, error: unknown): UserError {
  return new UserError(
    `${path}: expected an image, found a broken one (${firstLine(error)}); remove or replace it`,
  );
}
