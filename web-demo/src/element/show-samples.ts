import type { DataSpec, HostTensor } from '@generatrix/runtime/web';
import { imageGrid } from '../image-grid.ts';
import { drawScatter } from '../scatter.ts';

/** Draws samples as their kind of data asks: a grid of images, a scatter plot, or a waveform. */
export function showSamples(canvas: HTMLCanvasElement, data: HostTensor, spec: DataSpec): void {
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('this browser gives no canvas to draw on');
  switch (spec.kind) {
    case 'image': {
      const picture = imageGrid(data.data, spec);
      [canvas.width, canvas.height, canvas.className] = [picture.width, picture.height, 'pixels'];
      context.putImageData(new ImageData(picture.pixels, picture.width, picture.height), 0, 0);
      break;
    }
    case 'points': {
      const side = Math.round((canvas.clientWidth || 320) * devicePixelRatio);
      [canvas.width, canvas.height, canvas.className] = [side, side, ''];
      drawScatter(context, data.data, spec.shape[0], coloursOf(canvas), devicePixelRatio);
      break;
    }
    case 'audio': {
      const width = Math.round((canvas.clientWidth || 320) * devicePixelRatio);
      [canvas.width, canvas.height, canvas.className] = [width, Math.round(width / 3), ''];
      drawWaveform(context, data.data as Float32Array, spec.range);
    }
  }
}

function coloursOf(element: HTMLElement) {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(`--generatrix-${name}`).trim();
  // A canvas knows no light-dark(): the pair is settled by a property that the browser computes.
  const settle = (name: string) => {
    element.style.color = `var(--generatrix-${name})`;
    const settled = getComputedStyle(element).color;
    element.style.color = '';
    return settled || colour(name);
  };
  return {
    background: settle('panel'),
    axis: settle('line'),
    point: settle('accent'),
    text: settle('muted'),
  };
}

/** The lowest and highest value of each column of pixels, as a bar. */
function drawWaveform(
  context: CanvasRenderingContext2D,
  samples: Float32Array,
  [low, high]: readonly [number, number],
): void {
  const { canvas } = context;
  const { background, axis, point } = coloursOf(canvas);
  context.fillStyle = background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  const y = (value: number) => ((high - value) / (high - low)) * canvas.height;
  context.fillStyle = axis;
  context.fillRect(0, y((low + high) / 2), canvas.width, 1);
  context.fillStyle = point;
  for (let x = 0; x < canvas.width; x++) {
    const start = Math.floor((x * samples.length) / canvas.width);
    const end = Math.max(start + 1, Math.floor(((x + 1) * samples.length) / canvas.width));
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = start; i < end; i++) {
      least = Math.min(least, samples[i]!);
      most = Math.max(most, samples[i]!);
    }
    context.fillRect(x, y(most), 1, Math.max(1, y(least) - y(most)));
  }
}
