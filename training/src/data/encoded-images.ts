import { UserError } from '@generatrix/runtime/core';
import { decodeImageFile, imageFileSize, imageIsGrey } from '@generatrix/runtime/media';
import type { Dataset, DatasetFields } from './dataset.ts';
import { decodedImages } from './decoded-images.ts';
import { firstLine } from './files.ts';

/** An image as its file has it, and what errors call it. */
export interface EncodedImage {
  readonly where: string;
  /** Path of the file, or its bytes. */
  readonly source: string | Uint8Array;
}

/** How images are made alike. */
export interface ImageLayout {
  /** [height, width] in pixels; the first image's own size when absent, if that is at most 256 by 256. */
  readonly imageSize?: readonly [number, number] | undefined;
  /** 3 is RGB, 1 luminance; 1 when absent and all images looked at are grey, else 3. */
  readonly channels?: 1 | 3 | undefined;
  /** Images of all parts that say whether the data is grey; some of this part's when absent. */
  readonly seen?: readonly EncodedImage[] | undefined;
  /** Bytes of decoded images that are kept; see `decodedImages`. */
  readonly cacheBytes?: number | undefined;
}

/** Largest side, in pixels, that is taken from the images when none is asked for. */
const largestImpliedSide = 256;
/** Images that are looked at to tell whether all are grey. */
export const mostSeen = 200;
/** Values of one decoded image beyond which a size is refused. */
const mostValues = 2 ** 27;

/**
 * Images of any size as `[height, width, channels]` in [0, 1]. Each is turned upright (EXIF), scaled to cover the asked
 * size and cut about its centre (nothing is stretched), and laid on white where it is transparent.
 * @param first the image that the size is taken from when none is asked for
 * @param imageAt the image at an index; what it takes is done on this thread
 * @throws UserError naming the image that cannot be used.
 */
export async function imageDataset(
  fields: Omit<DatasetFields, 'spec'>,
  first: () => EncodedImage,
  imageAt: (index: number) => EncodedImage,
  { imageSize, channels: asked, seen, cacheBytes }: ImageLayout,
): Promise<Dataset> {
  const looked = () => seen ?? spread(fields.size, mostSeen).map(imageAt);
  const channels = asked ?? ((await areGrey([first(), ...looked()])) ? 1 : 3);
  const [height, width] = imageSize ?? (await impliedSize(first()));
  if (height * width * channels > mostValues) {
    throw new UserError(
      `--image-size ${height}x${width}: expected at most ${mostValues} values an image, found ${height * width * channels}; lower it`,
    );
  }
  const spec = { kind: 'image', shape: [height, width, channels], range: [0, 1] } as const;
  const decode = async (index: number) => {
    const image = imageAt(index);
    if (asked === undefined && channels === 1 && !(await isGrey(image))) {
      throw new UserError(
        `${image.where}: expected a grey image, as all those looked at first are, found one in colour; choose with ` +
          '--channels 3 or --channels 1',
      );
    }
    return decodeImageFile(image.source, { height, width, channels }).catch((error: unknown) => {
      throw brokenImage(image, error);
    });
  };
  const notes = [
    ...(fields.notes ?? []),
    ...(asked === undefined && channels === 1
      ? ['grey, as the images are (--channels 3 makes them RGB)']
      : []),
  ];
  return decodedImages({ ...fields, ...(notes.length > 0 ? { notes } : {}), spec }, decode, cacheBytes);
}

/** At most so many whole numbers below `size`, evenly spaced. */
export function spread(size: number, most: number): number[] {
  const count = Math.min(size, most);
  return Array.from({ length: count }, (_, i) => Math.floor((i * size) / count));
}

async function areGrey(images: readonly EncodedImage[]): Promise<boolean> {
  for (const image of images) if (!(await isGrey(image))) return false;
  return true;
}

async function isGrey(image: EncodedImage): Promise<boolean> {
  return imageIsGrey(image.source).catch((error: unknown) => {
    throw brokenImage(image, error);
  });
}

async function impliedSize(image: EncodedImage): Promise<readonly [number, number]> {
  const { height, width } = await imageFileSize(image.source).catch((error: unknown) => {
    throw brokenImage(image, error);
  });
  if (Math.max(height, width) > largestImpliedSide) {
    throw new UserError(
      `${image.where}: expected an image of at most ${largestImpliedSide} by ${largestImpliedSide} pixels, found ` +
        `${height}x${width}; choose a size with --image-size`,
    );
  }
  return [height, width];
}

function brokenImage({ where }: EncodedImage, error: unknown): UserError {
  // The file is whole, and the message says what to do with it.
  if (error instanceof UserError) return new UserError(`${where}: ${error.message}`);
  return new UserError(
    `${where}: expected an image, found a broken one (${firstLine(error)}); remove or replace it`,
  );
}
