import type { DataSpec } from '@generatrix/runtime/web';
import { imageGrid } from './view/image-grid.ts';
import { drawScatter } from './view/scatter.ts';

/** Shows samples on a fresh canvas inside `stage`. */
export interface Stage {
  /** @throws when the page cannot draw this kind of data. */
  show(data: ArrayLike<number>, spec: DataSpec, description: string): void;
  clear(): void;
}

/** Makes a stage of an element, and keeps its picture in size when the window changes. */
export function makeStage(element: HTMLElement): Stage {
  let redraw = () => {};
  let width = 0;
  new ResizeObserver(() => {
    if (element.clientWidth === width) return; // the picture itself changes the height
    width = element.clientWidth;
    requestAnimationFrame(() => redraw());
  }).observe(element);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => redraw());
  return {
    clear() {
      redraw = () => {};
      element.replaceChildren();
    },
    show(data, spec, description) {
      const canvas = document.createElement('canvas');
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', description);
      const context = canvas.getContext('2d');
      if (!context) throw new Error('this browser gives no canvas to draw on');
      redraw = drawing(context, data, spec, element);
      element.replaceChildren(canvas);
      redraw();
    },
  };
}

/** Returns what draws the samples, or resizes them, for the width the stage has at that moment. */
function drawing(
  context: CanvasRenderingContext2D,
  data: ArrayLike<number>,
  spec: DataSpec,
  element: HTMLElement,
): () => void {
  if (spec.kind === 'image') return drawImages(context, data, spec, element);
  if (spec.kind === 'points') return () => drawPoints(context, data, spec.shape[0], element);
  throw new Error(`this page shows images and points, not ${spec.kind}`);
}

/** One canvas pixel per image pixel; the style sheet enlarges without smoothing, by whole factors where there is room. */
function drawImages(
  context: CanvasRenderingContext2D,
  data: ArrayLike<number>,
  spec: Extract<DataSpec, { kind: 'image' }>,
  element: HTMLElement,
): () => void {
  const { canvas } = context;
  const picture = imageGrid(data, spec);
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.className = 'grid';
  context.putImageData(new ImageData(picture.pixels, picture.width, picture.height), 0, 0);
  return () => {
    const room = Math.min(element.clientWidth / picture.width, (innerHeight * 0.85) / picture.height);
    const steps = Math.min(room, 12) * devicePixelRatio;
    // Whole device pixels per image pixel look even; below two, using the room matters more.
    const factor = steps >= 2 ? Math.floor(steps) / devicePixelRatio : room;
    canvas.style.width = `${picture.width * factor}px`;
  };
}

function drawPoints(
  context: CanvasRenderingContext2D,
  data: ArrayLike<number>,
  dimensions: number,
  element: HTMLElement,
): void {
  const { canvas } = context;
  const side = Math.floor(Math.min(element.clientWidth, innerHeight * 0.85, 720));
  canvas.width = Math.round(side * devicePixelRatio);
  canvas.height = canvas.width;
  canvas.className = 'plot';
  canvas.style.width = `${side}px`;
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const colours = {
    background: colour('--panel'),
    axis: colour('--line'),
    point: colour('--accent'),
    text: colour('--muted'),
  };
  drawScatter(context, data, dimensions, colours, devicePixelRatio);
}
