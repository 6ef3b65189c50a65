import sharp from 'sharp';
import { expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { decodePng, encodePng, type Raster } from './codec.ts';

async function expectUserError(action: Promise<unknown>, ...texts: string[]): Promise<void> {
  const error: unknown = await action.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  for (const text of texts) expect(String(error)).toContain(text);
}

/** Every byte value occurs, so that a gamma or palette conversion would show. */
function ramp(channels: Raster['channels']): Raster {
  const [width, height] = [32, 24];
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 7) % 256);
  return { width, height, channels, data };
}

test.each([1, 3, 4] as const)('%i channels come back bit for bit', async (channels) => {
  const picture = ramp(channels);
  const png = await encodePng(picture);
  // The signature, then IHDR with 8 bits and the colour type for the channels (PNG specification, 11.2.1).
  expect([...png.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  expect([...png.subarray(16, 26)]).toEqual([0, 0, 0, 32, 0, 0, 0, 24, 8, { 1: 0, 3: 2, 4: 6 }[channels]]);
  const read = await decodePng(png);
  expect({ ...read, data: [...read.data] }).toEqual({ ...picture, data: [...picture.data] });
});

test('the same picture always gives the same file', async () => {
  expect(await encodePng(ramp(3))).toEqual(await encodePng(ramp(3)));
});

test('a two-coloured palette PNG reads as RGB', async () => {
  const raw = Buffer.from([255, 0, 0, 0, 0, 255]);
  const palette = await sharp(raw, { raw: { width: 2, height: 1, channels: 3 } })
    .png({ palette: true })
    .toBuffer();
  expect(palette[25]).toBe(3);
  const { channels, data } = await decodePng(palette);
  expect([channels, ...data]).toEqual([3, ...raw]);
});

test('a grey picture with alpha reads as RGBA', async () => {
  // A one-pixel PNG of colour type 4 is made by libvips from two bands.
  const png = await sharp(Buffer.from([90, 128]), { raw: { width: 1, height: 1, channels: 2 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
  expect(png[25]).toBe(4);
  const { channels, data } = await decodePng(png);
  expect([channels, ...data]).toEqual([4, 90, 90, 90, 128]);
});

test('what is no PNG, or a broken one, is refused', async () => {
  const png = await encodePng(ramp(3));
  await expectUserError(decodePng(png.subarray(0, png.length / 2), 'half.png'), 'half.png');
  await expectUserError(decodePng(Buffer.from('hello'), 'text.png'), 'text.png');
  const jpeg = await sharp(png).jpeg().toBuffer();
  await expectUserError(decodePng(jpeg, 'photo.png'), 'photo.png', 'it is jpeg');
});

test('data of another size than the picture is refused', async () => {
  await expect(encodePng({ ...ramp(3), width: 31 })).rejects.toThrow('31x24x3');
});
