import { type HostTensor, hostTensor, type Manifest } from '@generatrix/runtime/core';
import { field, make } from '../view/make.ts';
import { drawSamples } from '../view/sample-view.ts';
import type { RemoteSampler } from '../worker/remote-sampler.ts';

type ImageSpec = Extract<Manifest['data'], { kind: 'image' }>;

/** Pixels of the sheet for one pixel of the model's images, so that lines are smooth when they are reduced. */
const scale = 8;

/** A sheet to draw an image on, or to drop one. */
export interface Drawing {
  readonly element: HTMLElement;
  /** The image at the model's own size and range, [1, height, width, channels]. */
  read(): HostTensor;
}

/**
 * A sheet to draw on, white on black as most data sets of digits are; images can be dropped, pasted from a file box,
 * or taken from the model.
 * @param changed called when the image has changed
 */
export function makeDrawing(
  spec: ImageSpec,
  sampler: RemoteSampler,
  changed: () => void,
  fail: (error: unknown) => void,
): Drawing {
  const [height, width] = spec.shape;
  const sheet = make('canvas', {
    className: 'sheet',
    width: width * scale,
    height: height * scale,
    role: 'img',
    'aria-label': 'Sheet to draw on; the buttons below fill it without a pointer',
  });
  const context = sheet.getContext('2d', { willReadFrequently: true })!;
  const clear = () => {
    context.fillStyle = '#000';
    context.fillRect(0, 0, sheet.width, sheet.height);
  };
  clear();
  let last: readonly [number, number] | undefined;
  const at = (event: PointerEvent): readonly [number, number] => {
    const box = sheet.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * sheet.width,
      ((event.clientY - box.top) / box.height) * sheet.height,
    ];
  };
  const line = (event: PointerEvent) => {
    if (last === undefined) return;
    const to = at(event);
    context.strokeStyle = '#fff';
    context.lineWidth = (Math.min(width, height) / 12) * scale;
    context.lineCap = 'round';
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(...to);
    context.stroke();
    last = to;
    changed();
  };
  sheet.addEventListener('pointerdown', (event) => {
    sheet.setPointerCapture(event.pointerId);
    last = at(event);
    line(event);
  });
  sheet.addEventListener('pointermove', line);
  for (const end of ['pointerup', 'pointercancel']) sheet.addEventListener(end, () => (last = undefined));

  const place = async (file: Blob | undefined) => {
    if (!file) return;
    const bitmap = await createImageBitmap(file);
    clear();
    const factor = Math.min(sheet.width / bitmap.width, sheet.height / bitmap.height);
    const [w, h] = [bitmap.width * factor, bitmap.height * factor];
    context.drawImage(bitmap, (sheet.width - w) / 2, (sheet.height - h) / 2, w, h);
    changed();
  };
  sheet.addEventListener('dragover', (event) => event.preventDefault());
  sheet.addEventListener('drop', (event) => {
    event.preventDefault();
    place(event.dataTransfer?.files[0]).catch(() => fail(new Error('this file is no image')));
  });
  const file = make('input', { type: 'file', accept: 'image/*' });
  file.addEventListener('change', () => {
    place(file.files?.[0]).catch(() => fail(new Error('this file is no image')));
  });
  let seed = 0;
  const take = async () => {
    seed += 1;
    const { data } = await sampler.sample({ count: 1, seed });
    const small = make('canvas');
    drawSamples(small, data.data, spec);
    clear();
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, sheet.width, sheet.height);
    context.imageSmoothingEnabled = true;
    changed();
  };
  const wipe = () => {
    clear();
    changed();
  };
  const buttons = [
    make('button', { type: 'button', onclick: wipe }, 'Clear'),
    make('button', { type: 'button', onclick: () => void take().catch(fail) }, 'Take a sample'),
  ];
  return {
    element: make(
      'div',
      { className: 'drawing' },
      sheet,
      make('div', { className: 'row' }, ...buttons),
      field('Or an image file', file),
    ),
    read: () => readSheet(sheet, spec),
  };
}

/** The sheet reduced to the model's size: the mean of each block of pixels, in the range of the data. */
function readSheet(sheet: HTMLCanvasElement, { shape, range }: ImageSpec): HostTensor {
  const [height, width, channels] = shape;
  const { data } = sheet.getContext('2d')!.getImageData(0, 0, sheet.width, sheet.height);
  const image = new Float32Array(height * width * channels);
  for (let y = 0; y < height * scale; y += 1) {
    for (let x = 0; x < width * scale; x += 1) {
      const source = (y * width * scale + x) * 4;
      const target = (Math.floor(y / scale) * width + Math.floor(x / scale)) * channels;
      for (let c = 0; c < channels; c += 1) {
        const value = channels === 1 ? grey(data, source) : data[source + c]!;
        image[target + c] = image[target + c]! + value;
      }
    }
  }
  const [low, high] = range;
  const full = 255 * scale * scale;
  return hostTensor(
    'float32',
    [1, ...shape],
    image.map((sum) => low + (sum / full) * (high - low)),
  );
}

/** Luma of BT.601. */
function grey(data: ArrayLike<number>, at: number): number {
  return 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;
}
