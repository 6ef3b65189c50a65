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
  for (let alpha = 3; alpha < pixels.length; alpha += 4) pixels[alpha] = 255;
  for (let image = 0; image < count; image += 1) {
    const top = Math.floor(image / columns) * height;
    const left = (image % columns) * width;
    for (let y = 0; y < height; y += 1) {
      let source = image * imageSize + y * width * channels;
      let target = ((top + y) * picture.width + left) * 4;
      for (let x = 0; x < width; x += 1, source += channels, target += 4) {
        for (let c = 0; c < 3; c += 1) {
          const value = data[source + (channels === 3 ? c : 0)]!;
          pixels[target + c] = Math.round((255 * (value - low)) / (high - low));
        }
      }
    }
  }
  return { ...picture, pixels };
}
