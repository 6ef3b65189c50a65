import { canInterpolateSeeds } from '@generatrix/runtime/core';
import { field, make } from '../view/make.ts';
import { drawSamples } from '../view/sample-view.ts';
import { codeIsNoise } from './code-space.ts';
import { normals, stack } from './directions.ts';
import { has, latest, type Panel, type PanelContext } from './panel.ts';

const steps = 8;

/** Between two samples, in the latent space. */
export const interpolate: Panel = {
  name: 'interpolate',
  title: 'From one sample to another',
  fits: (manifest) => has(manifest, 'decode') && manifest.data.kind === 'image',
  build,
};

function build({ sampler, manifest, condition, fail }: PanelContext): HTMLElement {
  const spec = Object.values(manifest.programs.decode!.inputs).find(({ role }) => role === 'latent')!;
  const size = spec.shape.reduce((product, side) => product * side, 1);
  const seedBox = (value: number) =>
    make('input', { type: 'number', min: '0', step: '1', value: String(value) });
  const [from, to] = [seedBox(1), seedBox(2)];
  const place = make('input', { type: 'range', min: 0, max: 1, step: 0.01, value: '0.5' });
  const strip = make('canvas', {
    role: 'img',
    'aria-label': 'Images on the way from the first to the second',
  });
  const canvas = make('canvas', {
    role: 'img',
    'aria-label': 'Image at the place chosen',
    className: 'result',
  });
  // Where the prior makes codes from noise, the way goes through the noise.
  const throughNoise = !codeIsNoise(manifest) && canInterpolateSeeds({ manifest });
  const codeOf = (seed: number) => ({
    latent: stack(normals(seed, 'interpolate/z', 1, size), spec.shape),
  });

  const draw = latest<null>(async () => {
    const places = [...Array.from({ length: steps }, (_, i) => i / (steps - 1)), place.valueAsNumber];
    const seeds = { from: { seed: from.valueAsNumber || 0 }, to: { seed: to.valueAsNumber || 0 } };
    const way = throughNoise ? seeds : { from: codeOf(seeds.from.seed), to: codeOf(seeds.to.seed) };
    const { data } = await sampler.interpolate({ ...way, places }, condition());
    const one = data.length / places.length;
    drawSamples(strip, data.subarray(0, steps * one), manifest.data, steps);
    drawSamples(canvas, data.subarray(steps * one), manifest.data);
  }, fail);
  for (const box of [from, to, place]) box.addEventListener('input', () => draw(null));
  draw(null);
  return make(
    'div',
    { className: 'interpolate' },
    strip,
    make(
      'div',
      { className: 'pair' },
      canvas,
      make(
        'div',
        { className: 'boxes' },
        field('First seed', from),
        field('Second seed', to),
        field('Place between them', place),
      ),
    ),
  );
}
