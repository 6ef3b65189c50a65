import { make } from '../view/make.ts';
import { plotColours } from '../view/sample-view.ts';
import { makeDrawing } from './drawing.ts';
import { latest, type Panel, type PanelContext, scores } from './panel.ts';

/** Samples of the model that the drawn image is compared with. */
const others = 256;
/** Draws for each image where the model gives a bound. */
const draws = 8;
const bins = 40;

/** The log-likelihood of a drawn image among those of the model's own samples. */
export const likely: Panel = {
  name: 'likely',
  title: 'Is this likely?',
  fits: (manifest) => scores(manifest) && manifest.data.kind === 'image',
  build,
};

function build({ sampler, manifest, condition, fail }: PanelContext): HTMLElement {
  const spec = manifest.data;
  if (spec.kind !== 'image') throw new Error('this panel is for images');
  const plot = make('canvas', { role: 'img', 'aria-label': 'No image yet', className: 'histogram' });
  const note = make('p', { className: 'note', role: 'status' }, 'Draw a digit to see where it stands.');
  const caution = make(
    'p',
    { className: 'note' },
    'A high value is no proof: models give simple images, even blank ones, high likelihoods.',
  );
  let reference: { readonly label: number | undefined; readonly values: Promise<Float32Array> } | undefined;
  const ownValues = (): Promise<Float32Array> => {
    const { label } = condition();
    if (reference?.label !== label || reference === undefined) {
      const values = sampler
        .sample({ count: others, seed: 42, ...condition() })
        .then(({ data }) => sampler.logProb(data, { samples: draws, ...condition() }))
        .then((scored) => scored.values.slice().sort());
      reference = { label, values };
    }
    return reference.values;
  };
  const update = latest<null>(async () => {
    const values = await ownValues();
    const scored = await sampler.logProb(drawing.read(), { samples: draws, ...condition() });
    const value = scored.values[0]!;
    const below = values.filter((other) => other < value).length / values.length;
    const what = scored.kind === 'exact' ? 'log-likelihood' : 'bound of the log-likelihood';
    const line = `${what} ${value.toFixed(1)} nats: above ${(100 * below).toFixed(0)} % of the model's own samples`;
    note.textContent = line.charAt(0).toUpperCase() + line.slice(1);
    plot.setAttribute('aria-label', line);
    drawHistogram(plot, values, value);
  }, fail);
  const drawing = makeDrawing(spec, sampler, () => update(null), fail);
  return make(
    'div',
    {},
    make('div', { className: 'pair' }, drawing.element, make('div', {}, plot, note, caution)),
  );
}

/** Counts of the model's samples as bars, the drawn image as a line. */
function drawHistogram(canvas: HTMLCanvasElement, sorted: Float32Array, value: number): void {
  const context = canvas.getContext('2d')!;
  const ratio = Math.min(2, devicePixelRatio || 1);
  canvas.width = Math.round((canvas.parentElement?.clientWidth || 320) * ratio);
  canvas.height = Math.round(150 * ratio);
  const colours = plotColours(canvas);
  const text = 12 * ratio;
  const floor = canvas.height - 1.6 * text;
  const low = Math.min(sorted[0]!, value);
  const high = Math.max(sorted[sorted.length - 1]!, value);
  const span = high - low || 1;
  const counts = new Array<number>(bins).fill(0);
  for (const other of sorted) {
    const bin = Math.min(bins - 1, Math.floor(((other - low) / span) * bins));
    counts[bin] = counts[bin]! + 1;
  }
  const most = Math.max(...counts);
  const pad = 3 * ratio;
  const toX = (at: number) => pad + ((at - low) / span) * (canvas.width - 2 * pad);
  context.fillStyle = colours.background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = colours.axis;
  counts.forEach((count, i) => {
    const height = (count / most) * floor * 0.9;
    const left = toX(low + (i / bins) * span);
    context.fillRect(left, floor - height, toX(low + ((i + 1) / bins) * span) - left - ratio, height);
  });
  context.fillStyle = colours.point;
  context.fillRect(toX(value) - ratio, 0, 2 * ratio, floor);
  context.fillStyle = colours.text;
  context.font = `${text}px system-ui, sans-serif`;
  context.textBaseline = 'bottom';
  context.fillText(low.toFixed(0), pad, canvas.height - pad);
  context.textAlign = 'right';
  context.fillText(`${high.toFixed(0)} nats`, canvas.width - pad, canvas.height - pad);
}
