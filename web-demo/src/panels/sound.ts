import { randomSeed, samplingProgram } from '@generatrix/runtime/core';
import { field, make } from '../view/make.ts';
import { drawSamples } from '../view/sample-view.ts';
import { play } from '../view/sound.ts';
import { formatTime } from '../view/text.ts';
import { has, type Panel, type PanelContext } from './panel.ts';

/** Draws a sound, part by part where the model can, and plays it. */
export const sound: Panel = {
  name: 'sound',
  title: 'Draw and play a sound',
  fits: (manifest) => manifest.data.kind === 'audio' && samplingProgram(manifest.programs) !== undefined,
  build,
};

function build({ sampler, manifest, condition, fail }: PanelContext): HTMLElement {
  const spec = manifest.data;
  if (spec.kind !== 'audio') throw new Error('this panel is for sounds');
  const canvas = make('canvas', { role: 'img', 'aria-label': 'Wave of the sound' });
  const seed = make('input', { type: 'number', min: '0', step: '1', value: '42' });
  const note = make('p', { className: 'note', role: 'status' });
  let samples: Float32Array | undefined;
  const draw = async () => {
    const request = {
      ...{ count: 1, seed: seed.valueAsNumber || 0 },
      ...condition(),
    };
    const { data, sampleMs } = has(manifest, 'advance')
      ? await sampler.stream(request, (soFar) => drawSamples(canvas, soFar.data, spec))
      : await sampler.sample(request);
    drawSamples(canvas, data.data, spec);
    samples = data.data as Float32Array;
    listen.disabled = false;
    const seconds = spec.shape[0] / spec.sampleRate;
    note.textContent = `${seconds.toFixed(2)} s of sound with seed ${request.seed} in ${formatTime(sampleMs)}`;
  };
  const listen = make(
    'button',
    {
      type: 'button',
      className: 'main',
      disabled: true,
      onclick: () => {
        if (!samples) return;
        void play(samples, spec.sampleRate).ended.then(() => {
          note.dataset.played = String(Number(note.dataset.played ?? 0) + 1);
        });
      },
    },
    'Play',
  );
  const again = make(
    'button',
    {
      type: 'button',
      onclick: () => {
        seed.valueAsNumber = randomSeed();
        draw().catch(fail);
      },
    },
    'Another',
  );
  seed.addEventListener('change', () => void draw().catch(fail));
  draw().catch(fail);
  return make(
    'div',
    {},
    canvas,
    make('div', { className: 'boxes' }, field('Seed', seed), listen, again),
    note,
  );
}
