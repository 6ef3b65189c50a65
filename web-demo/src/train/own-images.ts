import { type DataSpec, type HostTensor, hostTensor, UserError } from '@generatrix/runtime/web';

type ImageSpec = Extract<DataSpec, { kind: 'image' }>;

/**
 * Pictures as examples of an image model: scaled to cover the model's size, cut at the centre, laid on white, grey by
 * luminance where the model has one channel, in the model's range.
 * @returns [n, height, width, channels]
 * @throws UserError when a file is no picture that the browser can read.
 */
export async function imagesAsExamples(files: readonly File[], spec: ImageSpec): Promise<HostTensor> {
  const [height, width, channels] = spec.shape;
  const size = height * width * channels;
  const values = new Float32Array(files.length * size);
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('this browser gives no canvas to read pictures with');
  for (const [i, file] of files.entries()) {
    const bitmap = await createImageBitmap(file).catch(() => {
      throw new UserError(`${file.name}: expected a picture, found something else; leave it out`);
    });
    drawCovering(context, bitmap, width, height);
    bitmap.close();
    values.set(toValues(context.getImageData(0, 0, width, height).data, spec), i * size);
  }
  return hostTensor('float32', [files.length, height, width, channels], values);
}

function drawCovering(
  context: OffscreenCanvasRenderingContext2D,
  bitmap: ImageBitmap,
  width: number,
  height: number,
): void {
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const [drawnWidth, drawnHeight] = [bitmap.width * scale, bitmap.height * scale];
  context.imageSmoothingQuality = 'high';
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, (width - drawnWidth) / 2, (height - drawnHeight) / 2, drawnWidth, drawnHeight);
}

/** RGBA bytes to the model's channels and range; luminance after ITU-R BT.709. */
export function toValues(pixels: ArrayLike<number>, { shape, range }: ImageSpec): Float32Array {
  const channels = shape[2];
  const [low, high] = range;
  const count = pixels.length / 4;
  const values = new Float32Array(count * channels);
  for (let i = 0; i < count; i++) {
    const [red, green, blue] = [pixels[4 * i]!, pixels[4 * i + 1]!, pixels[4 * i + 2]!];
    const bytes = channels === 1 ? [0.2126 * red + 0.7152 * green + 0.0722 * blue] : [red, green, blue];
    for (const [c, byte] of bytes.entries()) values[i * channels + c] = low + ((high - low) * byte) / 255;
  }
  return values;
}
