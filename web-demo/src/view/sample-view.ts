import type { Manifest } from '@generatrix/runtime/web';
import { imageGrid } from './image-grid.ts';
import { drawScatter } from './scatter.ts';
import { drawTable } from './table.ts';
import { drawWaveform } from './waveform.ts';

export type ViewedData = Manifest['data'];

/**
 * Colours of plots, from the custom properties of the element they stand in. They are read as the colour of a canvas:
 * custom properties come as they were written, and not every canvas takes `light-dark()`.
 */
export function plotColours(canvas: HTMLElement) {
  const before = canvas.style.color;
  const colour = (name: string, fallback: string) => {
    canvas.style.color = `var(${name}, ${fallback})`;
    return getComputedStyle(canvas).color;
  };
  const colours = {
    background: colour('--generatrix-surface', '#fff'),
    axis: colour('--generatrix-line', '#ccc'),
    point: colour('--generatrix-accent', '#246'),
    text: colour('--generatrix-muted', '#666'),
  };
  canvas.style.color = before;
  return colours;
}

const waveHeight = 56;

/**
 * Shows samples on a canvas: images as a grid without gaps, one canvas pixel an image pixel; points as a scatter
 * plot, or those that encode rows as a table; sounds as waves below each other.
 * @param data samples [n, ...shape], row-major
 * @param perRow images in a row; about as many as rows when absent
 * @throws when this kind of data cannot be shown.
 */
export function drawSamples(
  canvas: HTMLCanvasElement,
  data: ArrayLike<number>,
  spec: ViewedData,
  perRow?: number,
): void {
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser gives no canvas to draw on');
  canvas.classList.toggle('pixels', spec.kind === 'image');
  if (spec.kind === 'image') {
    const picture = imageGrid(data, spec, perRow);
    canvas.width = picture.width;
    canvas.height = picture.height;
    context.putImageData(new ImageData(picture.pixels, picture.width, picture.height), 0, 0);
    return;
  }
  const ratio = Math.min(2, devicePixelRatio || 1);
  const width = Math.max(160, Math.min(720, canvas.parentElement?.clientWidth || 320)) * ratio;
  canvas.width = Math.round(width);
  if (spec.kind === 'points' && spec.columns !== undefined) {
    drawTable(context, data, spec.columns, plotColours(canvas), ratio);
    return;
  }
  if (spec.kind === 'points') {
    canvas.height = canvas.width;
    drawScatter(context, data, spec.shape[0], plotColours(canvas), ratio);
    return;
  }
  const time = spec.shape[0];
  const count = Math.max(1, Math.floor(data.length / time));
  canvas.height = Math.round(count * waveHeight * ratio);
  for (let i = 0; i < count; i += 1) {
    const clip = Array.prototype.slice.call(data, i * time, (i + 1) * time) as number[];
    const box = { top: i * waveHeight * ratio, height: (waveHeight - 4) * ratio };
    drawWaveform(context, clip, spec.range, plotColours(canvas), box);
  }
}
