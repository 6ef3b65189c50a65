import type { HostTensor } from '../program/tensor.ts';
import type { Raster } from './codec.ts';

export interface ImageGridOptions {
  /** Values of black and of full brightness. */
  readonly range: readonly [number, number];
  /** Images in a row; ceil(sqrt(n)) when absent. */
  readonly columns?: number;
  /** Pixels a side that each value becomes; 1 when absent. */
  readonly scale?: number;
  /** Black space between images, in values of theirs: `padding * scale` pixels; 0 when absent. */
  readonly padding?: number;
}

/**
 * Lays images out in a grid, row by row; cells left over are black. A value v becomes the byte
 * round(255 (v - low) / (high - low)), clamped to 0..255; NaN becomes 0. The demo page draws the same pixels.
 * @param images [n, height, width, channels] with 1 (grey) or 3 (RGB) channels
 * @throws when the images have another shape, or an option is no positive whole number.
 */
export function imageGrid(images: HostTensor, options: ImageGridOptions): Raster {
  const [count, height, width, channels] = imageShape(images);
  const { range, columns = Math.max(1, Math.ceil(Math.sqrt(count))), scale = 1, padding = 0 } = options;
  checkOption('columns', columns, 1);
  checkOption('scale', scale, 1);
  checkOption('padding', padding, 0);
  const rows = Math.max(1, Math.ceil(count / columns));
  const rowLength = (columns * (width + padding) - padding) * scale;
  const rowCount = (rows * (height + padding) - padding) * scale;
  const stride = rowLength * channels;
  const data = new Uint8Array(rowCount * stride);
  const bytes = toBytes(images.data, range);
  for (let image = 0; image < count; image++) {
    const top = Math.floor(image / columns) * (height + padding) * scale;
    const left = (image % columns) * (width + padding) * scale;
    for (let y = 0; y < height; y++) {
      const first = (top + y * scale) * stride + left * channels;
      let target = first;
      for (let x = 0; x < width; x++) {
        const source = ((image * height + y) * width + x) * channels;
        for (let copy = 0; copy < scale; copy++) {
          for (let c = 0; c < channels; c++) data[target++] = bytes[source + c]!;
        }
      }
      for (let copy = 1; copy < scale; copy++) data.copyWithin(first + copy * stride, first, target);
    }
  }
  return { width: rowLength, height: rowCount, channels, data };
}

function imageShape({ shape }: HostTensor): readonly [number, number, number, 1 | 3] {
  const [count, height, width, channels] = shape;
  if (shape.length !== 4 || (channels !== 1 && channels !== 3)) {
    throw new Error(`image grid: expected images [n, height, width, 1 or 3], got shape [${shape}]`);
  }
  return [count!, height!, width!, channels];
}

function checkOption(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new Error(`image grid: expected ${name} to be a whole number of at least ${least}, got ${value}`);
  }
}

function toBytes(values: ArrayLike<number>, [low, high]: readonly [number, number]): Uint8ClampedArray {
  const bytes = new Uint8ClampedArray(values.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.round((255 * (values[i]! - low)) / (high - low));
  return bytes;
}
