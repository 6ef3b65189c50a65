import { chainLength, type HostTensor, randomSeed } from '@generatrix/runtime/core';
import { field, make } from '../view/make.ts';
import { drawSamples } from '../view/sample-view.ts';
import { play } from '../view/sound.ts';
import { formatTime } from '../view/text.ts';
import type { CompletionPart } from '../worker/protocol.ts';
import { makeDrawing } from './drawing.ts';
import { has, type Panel, type PanelContext, repeated } from './panel.ts';

/** Ways to go on that are drawn at once. */
const ways = 4;

/** Keeps the beginning of an image or a sound and draws the rest, part by part where the model can. */
export const complete: Panel = {
  name: 'complete',
  title: 'Complete an example',
  fits: (manifest) => has(manifest, 'complete') && manifest.data.kind !== 'points',
  build,
};

function build({ sampler, manifest, condition, fail }: PanelContext): HTMLElement {
  const spec = manifest.data;
  const length = spec.shape[0];
  const known = make('input', { type: 'range', min: 0, max: length, step: 1, value: Math.floor(length / 2) });
  const chain = manifest.programs.complete?.inputs[chainLength];
  const steps =
    chain?.role === 'scalar'
      ? make('input', {
          ...{ type: 'number', inputMode: 'numeric', required: true, step: 1 },
          ...{ min: chain.min ?? 2, max: chain.max ?? 1_000_000, value: chain.default },
        })
      : undefined;
  const canvas = make('canvas', { role: 'img', 'aria-label': 'Completions', className: 'result' });
  const note = make('p', { className: 'note', role: 'status' });
  let stop = new AbortController();
  let sound: Float32Array | undefined;
  const drawing = spec.kind === 'image' ? makeDrawing(spec, sampler, () => {}, fail) : undefined;
  let beginning: HostTensor | undefined;

  const start = async (): Promise<HostTensor> => {
    if (drawing) return repeated(drawing.read(), ways);
    beginning ??= (await sampler.sample({ count: 1, seed: randomSeed() })).data;
    return repeated(beginning, ways);
  };
  const show = (soFar: HostTensor) => drawSamples(canvas, soFar.data, spec);
  const run = async (signal: AbortSignal) => {
    const data = await start();
    note.textContent = 'Drawing';
    let parts = 0;
    const request = {
      ...condition(),
      ...(steps && { scalars: { [chainLength]: steps.valueAsNumber } }),
      ...{ data, known: known.valueAsNumber, seed: randomSeed() },
    };
    const part = (told: CompletionPart) => {
      if (signal.aborted) return;
      if (!('soFar' in told)) {
        note.textContent = `Drawing: step ${told.done} of ${told.of}`;
        return;
      }
      parts += 1;
      canvas.dataset.parts = String(parts);
      show(told.soFar);
    };
    const { data: whole, sampleMs } = await sampler.complete(request, part, { signal });
    show(whole);
    canvas.dataset.done = String(Number(canvas.dataset.done ?? 0) + 1);
    const unit = spec.kind === 'image' ? 'rows' : 'samples';
    note.textContent = `${ways} ways to go on after ${known.value} of ${length} ${unit}, in ${formatTime(sampleMs)}`;
    sound = spec.kind === 'audio' ? (whole.data as Float32Array).slice(0, length) : undefined;
    listen.hidden = sound === undefined;
  };
  const go = async () => {
    if (steps?.reportValidity() === false) return;
    stop.abort(new Error('overtaken'));
    stop = new AbortController();
    const { signal } = stop;
    try {
      await run(signal);
    } catch (error) {
      if (signal.aborted) return; // the note is another's by now
      note.textContent = '';
      fail(error);
    }
  };
  const begin = make(
    'button',
    {
      type: 'button',
      className: 'main',
      onclick: () => void go(),
    },
    'Complete',
  );
  const listen = make(
    'button',
    {
      type: 'button',
      hidden: true,
      onclick: () => sound && spec.kind === 'audio' && play(sound, spec.sampleRate),
    },
    'Play the first',
  );
  const knownLabel = spec.kind === 'image' ? 'Rows that are kept' : 'Samples that are kept';
  const fields = [field(knownLabel, known), ...(steps ? [field('Steps of the chain', steps)] : [])];
  const boxes = make('div', { className: 'boxes' }, ...fields, begin, listen);
  return make(
    'div',
    {},
    make('div', { className: 'pair' }, ...(drawing ? [drawing.element] : []), canvas),
    boxes,
    note,
  );
}
