import { drawSamples, type ViewedData } from '../view/sample-view.ts';

/** Shows samples on a fresh canvas inside `stage`. */
export interface Stage {
  /** @throws when the browser cannot draw. */
  show(data: ArrayLike<number>, spec: ViewedData, description: string): void;
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
      element.replaceChildren(canvas);
      redraw = drawing(canvas, data, spec, element);
      redraw();
    },
  };
}

/** Returns what draws the samples, or resizes them, for the width the stage has at that moment. */
function drawing(
  canvas: HTMLCanvasElement,
  data: ArrayLike<number>,
  spec: ViewedData,
  element: HTMLElement,
): () => void {
  if (spec.kind !== 'image') {
    canvas.className = 'plot';
    return () => drawSamples(canvas, data, spec);
  }
  drawSamples(canvas, data, spec);
  return () => {
    const room = Math.min(element.clientWidth / canvas.width, (innerHeight * 0.85) / canvas.height);
    const steps = Math.min(room, 12) * devicePixelRatio;
    // Whole device pixels per image pixel look even; below two, using the room matters more.
    const factor = steps >= 2 ? Math.floor(steps) / devicePixelRatio : room;
    canvas.style.width = `${canvas.width * factor}px`;
  };
}
