/** A picture: `pixels` holds RGBA bytes, rows from the top. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
}

export interface ImageLayout {
  /** [height, width, channels]; channels 1 (grey) or 3 (RGB) */
  readonly shape: readonly [number, number, number];
  /** Values of black and of full brightness. */
  readonly range: readonly [number, number];
}

/** Black without transparency. */
const opaque = 0xff000000;

/**
 * Lays images out in a grid, row by row, ceil(sqrt(n)) to a row, without gaps; cells left over are black.
 * A value v becomes the byte round(255 (v - low) / (high - low)), clamped to 0..255; NaN becomes 0.
 * @param data images [n, height, width, channels], row-major
 * @param perRow images in a row, where it is to be another number
 * @throws when the channels are neither 1 nor 3, or the values are no whole number of images.
 */
export function imageGrid(data: ArrayLike<number>, layout: ImageLayout, perRow?: number): Picture {
  const [height, width, channels] = layout.shape;
  const [low, high] = layout.range;
  if (channels !== 1 && channels !== 3) {
    throw new Error(`image grid: images have 1 or 3 channels, these have ${channels}`);
  }
  const imageSize = height * width * channels;
  const count = data.length / imageSize;
  if (!Number.isInteger(count)) {
    throw new Error(`image grid: ${data.length} values are no whole number of [${layout.shape}] images`);
  }
  const columns = perRow ?? Math.max(1, Math.ceil(Math.sqrt(count)));
  const rows = Math.max(1, Math.ceil(count / columns));
  const picture = { width: columns * width, height: rows * height };
  const pixels = new Uint8ClampedArray(picture.width * picture.height * 4);
  // A pixel at a time, as 32 bits with red lowest (all browsers' machines are little-endian): thousands of images
  // are millions of pixels, and the page must not stand still meanwhile.
  const words = new Uint32Array(pixels.buffer).fill(opaque);
  const scale = 255 / (high - low);
  const byteOf = (value: number) => {
    const byte = (value - low) * scale;
    return byte > 0 ? Math.min(255, Math.floor(byte + 0.5)) : 0; // NaN is not above 0
  };
  for (let image = 0; image < count; image += 1) {
    const top = Math.floor(image / columns) * height;
    const left = (image % columns) * width;
    for (let y = 0; y < height; y += 1) {
      let source = image * imageSize + y * width * channels;
      let target = (top + y) * picture.width + left;
      for (let x = 0; x < width; x += 1, source += channels, target += 1) {
        const red = byteOf(data[source]!);
        const green = channels === 3 ? byteOf(data[source + 1]!) : red;
        const blue = channels === 3 ? byteOf(data[source + 2]!) : red;
        words[target] = opaque | (blue << 16) | (green << 8) | red;
      }
    }
  }
  return { ...picture, pixels };
}
