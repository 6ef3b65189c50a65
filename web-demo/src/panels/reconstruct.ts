import { canReconstruct } from '@generatrix/runtime/core';
import { make } from '../view/make.ts';
import { drawSamples } from '../view/sample-view.ts';
import { makeDrawing } from './drawing.ts';
import { latest, type Panel, type PanelContext } from './panel.ts';

/** What the model makes of an image that is drawn or dropped. */
export const reconstruct: Panel = {
  name: 'reconstruct',
  title: 'Reconstruct an image',
  fits: (manifest) => manifest.data.kind === 'image' && canReconstruct({ manifest }),
  build,
};

function build({ sampler, manifest, condition, fail }: PanelContext): HTMLElement {
  const spec = manifest.data;
  if (spec.kind !== 'image') throw new Error('reconstruction is for images');
  const canvas = make('canvas', { role: 'img', 'aria-label': 'Reconstruction', className: 'result' });
  const note = make(
    'p',
    { className: 'note', role: 'status' },
    'Draw a digit, drop an image, or take a sample.',
  );
  const update = latest<null>(async () => {
    const image = drawing.read();
    const { data } = await sampler.reconstruct(image, condition());
    drawSamples(canvas, data, spec);
    const squares = Float32Array.from(data, (value, i) => (value - image.data[i]!) ** 2).reduce(
      (a, b) => a + b,
    );
    note.textContent = `Root of the mean squared difference: ${Math.sqrt(squares / data.length).toFixed(3)}`;
  }, fail);
  const drawing = makeDrawing(spec, sampler, () => update(null), fail);
  return make('div', {}, make('div', { className: 'pair' }, drawing.element, canvas), note);
}
