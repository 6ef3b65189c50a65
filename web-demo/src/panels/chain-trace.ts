import { plotColours } from '../view/sample-view.ts';

/** Points of a trace that are kept; older ones are left out. */
const kept = 400;

/** A plot of a number of each chain against the steps. */
export interface ChainTrace {
  /** Forgets all points; the next ones may be of other chains. */
  clear(): void;
  /** Adds what each chain has after a step, and draws. */
  add(step: number, values: ArrayLike<number>): void;
  draw(): void;
}

/** Draws traces on a canvas, one line for each chain, with the least and the greatest value and step beside it. */
export function makeTrace(canvas: HTMLCanvasElement): ChainTrace {
  let points: { readonly step: number; readonly values: readonly number[] }[] = [];
  const draw = () => {
    const ratio = Math.min(2, devicePixelRatio || 1);
    const width = Math.max(200, canvas.parentElement?.clientWidth ?? 320);
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(150 * ratio);
    const context = canvas.getContext('2d')!;
    const colours = plotColours(canvas);
    context.scale(ratio, ratio);
    context.fillStyle = colours.background;
    context.fillRect(0, 0, width, 150);
    // The way in from noise would leave no height for what comes after it: it is cut.
    const settled = points.length > 20 ? points.slice(Math.ceil(points.length / 5)) : points;
    const all = settled.flatMap(({ values }) => values).filter(Number.isFinite);
    if (all.length === 0) return;
    const [least, greatest] = [Math.min(...all), Math.max(...all)];
    const span = greatest - least || 1;
    const [first, last] = [points[0]!.step, points.at(-1)!.step];
    const x = (step: number) => 4 + ((step - first) / Math.max(1, last - first)) * (width - 8);
    const y = (value: number) => 20 + (1 - Math.min(1.15, Math.max(-0.15, (value - least) / span))) * 106;
    const lines = points[0]!.values.length;
    for (let chain = 0; chain < lines; chain += 1) {
      // Every line is told from its neighbours by its hue; which is which does not matter.
      context.strokeStyle = chain === 0 ? colours.point : `hsl(${(360 * chain) / lines + 25} 65% 50%)`;
      context.lineWidth = chain === 0 ? 2 : 1.2;
      context.beginPath();
      for (const { step, values } of points) context.lineTo(x(step), y(values[chain]!));
      context.stroke();
    }
    context.fillStyle = colours.text;
    context.font = '12px system-ui, sans-serif';
    context.fillText(greatest.toPrecision(4), 4, 13);
    context.fillText(least.toPrecision(4), 4, 145);
    context.textAlign = 'right';
    context.fillText(`steps ${first} to ${last}`, width - 4, 145);
  };
  return {
    clear: () => {
      points = [];
      delete canvas.dataset.points;
      draw();
    },
    add: (step, values) => {
      points.push({ step, values: Array.from(values) });
      if (points.length > kept) points = points.slice(-kept);
      canvas.dataset.points = String(points.length);
      draw();
    },
    draw,
  };
}
