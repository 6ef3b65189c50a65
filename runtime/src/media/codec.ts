import sharp from 'sharp';
import { messageOf, UserError } from '../errors.ts';

/** A picture in memory: rows from the top, 8 bits a channel: grey, RGB or RGBA (alpha not premultiplied). */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
  /** [height, width, channels] */
  readonly data: Uint8Array;
}

/**
 * Writes a picture as PNG, without loss.
 * @throws when the size of the data is not height * width * channels.
 */
export async function encodePng({ width, height, channels, data }: Raster): Promise<Uint8Array> {
  if (data.length !== width * height * channels) {
    throw new Error(`PNG of ${width}x${height}x${channels}: expected that many bytes, got ${data.length}`);
  }
  const picture = sharp(data, { raw: { width, height, channels } });
  const coded = channels === 1 ? picture.toColourspace('b-w') : picture;
  return await coded.png({ compressionLevel: 9 }).toBuffer();
}

/**
 * Reads a PNG. Grey stays grey; grey with alpha becomes RGBA, a palette RGB or RGBA, 16 bits 8.
 * @param where what errors call the source, such as a path
 * @throws UserError when it is no PNG, or a broken one.
 */
export async function decodePng(bytes: Uint8Array, where = 'PNG'): Promise<Raster> {
  try {
    const picture = sharp(bytes, { failOn: 'error' });
    const { format, channels } = await picture.metadata();
    if (format !== 'png') throw new Error(`it is ${format}`);
    const { data, info } = await picture
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, channels: info.channels as 1 | 3 | 4, data };
  } catch (error) {
    throw new UserError(`${where}: expected a PNG image, found something else (${messageOf(error)})`);
  }
}

/** What a picture is made to: its size in pixels and its channels. */
export interface DecodedShape {
  readonly height: number;
  readonly width: number;
  /** 3 is RGB, 1 luminance. */
  readonly channels: 1 | 3;
}

/**
 * Reads a picture of any common format, from a file or from its bytes, turned upright, laid on white where it is
 * transparent, scaled to cover the size asked for and cut at its centre: [height, width, channels], 8 bits. Of 16 bits
 * the full range, 0 to 65535, is taken from black to white.
 * @throws what the decoder says of a broken file; UserError when the range of the values is unknown: they are neither 8 nor
 * 16 bits wide, or 16 of which at most 12 are used.
 */
export async function decodeImageFile(
  source: string | Uint8Array,
  { height, width, channels }: DecodedShape,
): Promise<Uint8Array> {
  await checkRange(source);
  const upright = sharp(source, { failOn: 'error' }).autoOrient().flatten({ background: '#ffffff' });
  const resized = upright.resize(width, height, { fit: 'cover', position: 'centre' });
  return resized
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer();
}

/** Largest value of 12 bits, which cameras and scanners keep in 16. */
const largestOf12Bits = 4095;

async function checkRange(source: string | Uint8Array): Promise<void> {
  const { depth } = await sharp(source).metadata();
  if (depth === 'uchar') return;
  if (depth !== 'ushort') {
    throw new UserError(`its values are of type ${depth}, not of 8 or 16 bits: convert it`);
  }
  const { channels } = await sharp(source, { failOn: 'error' }).stats();
  const most = Math.max(...channels.map(({ max }) => max));
  if (most > 255 && most <= largestOf12Bits)
    throw new UserError(`its 16 bits hold values up to ${most} of 65535 only: scale them to the full range`);
}

/** Is a picture stored in grey, with or without transparency? @throws what the decoder says of a broken file. */
export async function imageIsGrey(source: string | Uint8Array): Promise<boolean> {
  const { space } = await sharp(source).metadata();
  return space === 'b-w' || space === 'grey16';
}

/** Size of a picture in pixels, upright, without decoding it. @throws what the decoder says of a broken file. */
export async function imageFileSize(source: string | Uint8Array): Promise<{ height: number; width: number }> {
  const { autoOrient } = await sharp(source).metadata();
  return autoOrient;
}
