import type { HostTensor } from '@generatrix/runtime/core';
import { make } from '../view/make.ts';

/** A sheet on which parts of an image are marked. */
export interface MaskSheet {
  readonly element: HTMLElement;
  /** For each value of an image, flattened: 1 where it is marked. */
  read(): Uint8Array;
  /** Whether anything is marked. */
  readonly any: boolean;
  /** Shows another image under the marks, [1, height, width, channels]. */
  show(image: HostTensor): void;
}

/** Of the accent laid over what is marked. */
const tint = 0.45;

/** Brightness from which a pixel counts as drawn. */
const drawn = 0.1;

/**
 * A sheet that shows an image and takes a brush; buttons mark halves of it without a pointer.
 * @param shape [height, width, channels], 1 or 3 channels
 * @param range values of black and of full brightness
 * @param changed called when marks have changed
 */
export function makeMaskSheet(
  [height, width, channels]: readonly [number, number, number],
  [low, high]: readonly [number, number],
  changed: () => void,
): MaskSheet {
  const marked = new Uint8Array(height * width);
  let image: ArrayLike<number> = new Float32Array(height * width * channels).fill(low);
  const sheet = make('canvas', {
    className: 'sheet pixels',
    width,
    height,
    role: 'img',
    'aria-label': 'Marks of what is held; the buttons below mark it without a pointer',
  });
  const context = sheet.getContext('2d')!;
  const erase = make('input', { type: 'checkbox' });
  const draw = () => {
    const pixels = context.createImageData(width, height);
    for (let i = 0; i < marked.length; i += 1) {
      for (let c = 0; c < 3; c += 1) {
        const value = (image[i * channels + Math.min(c, channels - 1)]! - low) / (high - low);
        const byte = 255 * Math.min(1, Math.max(0, value));
        const mark = [64, 156, 255][c]!;
        pixels.data[4 * i + c] = marked[i] === 0 ? byte : (1 - tint) * byte + tint * mark;
      }
      pixels.data[4 * i + 3] = 255;
    }
    context.putImageData(pixels, 0, 0);
    sheet.dataset.marked = String(marked.reduce((sum, one) => sum + one, 0));
  };
  const radius = Math.max(0.7, Math.min(width, height) / 14);
  const brush = (event: PointerEvent) => {
    if (event.buttons === 0) return;
    const box = sheet.getBoundingClientRect();
    const [x, y] = [
      ((event.clientX - box.left) / box.width) * width,
      ((event.clientY - box.top) / box.height) * height,
    ];
    for (let i = 0; i < marked.length; i += 1) {
      const [dx, dy] = [(i % width) + 0.5 - x, Math.floor(i / width) + 0.5 - y];
      if (dx * dx + dy * dy <= radius * radius) marked[i] = erase.checked ? 0 : 1;
    }
    draw();
    changed();
  };
  sheet.addEventListener('pointerdown', (event) => {
    sheet.setPointerCapture(event.pointerId);
    brush(event);
  });
  sheet.addEventListener('pointermove', brush);
  const fill = (text: string, mark: (x: number, y: number) => boolean) =>
    make(
      'button',
      {
        type: 'button',
        onclick: () => {
          for (let i = 0; i < marked.length; i += 1)
            marked[i] = mark(i % width, Math.floor(i / width)) ? 1 : 0;
          draw();
          changed();
        },
      },
      text,
    );
  draw();
  return {
    element: make(
      'div',
      { className: 'drawing' },
      sheet,
      make(
        'div',
        { className: 'row' },
        fill('Hold what is drawn', (x, y) => {
          const at = (y * width + x) * channels;
          return (
            Math.max(...Array.from({ length: channels }, (_, c) => image[at + c]!)) >
            low + drawn * (high - low)
          );
        }),
        fill('Hold upper half', (_, y) => y < height / 2),
        fill('Hold left half', (x) => x < width / 2),
        fill('Hold nothing', () => false),
      ),
      make('label', { className: 'check' }, erase, 'Brush takes marks away'),
    ),
    read: () =>
      Uint8Array.from({ length: height * width * channels }, (_, i) => marked[Math.floor(i / channels)]!),
    get any() {
      return marked.includes(1);
    },
    show: ({ data }) => {
      image = data;
      draw();
    },
  };
}
