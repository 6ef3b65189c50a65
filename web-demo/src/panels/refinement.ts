import {
  chainLength,
  type HostTensor,
  hostTensor,
  type InputSpec,
  randomSeed,
} from '@generatrix/runtime/core';
import { field, make } from '../view/make.ts';
import { drawSamples } from '../view/sample-view.ts';
import { type Slider, slider } from '../view/slider.ts';
import { deviceName, formatTime } from '../view/text.ts';
import type { Refined } from '../worker/protocol.ts';
import { makeDrawing } from './drawing.ts';
import { makeMaskSheet } from './mask-sheet.ts';
import { has, type Panel, type PanelContext, repeated } from './panel.ts';

/** Steps that the slider offers at most; more can be seen no better. */
const mostSteps = 100;

/** Watches a sample come from noise, step by step, beside what the model sees in it; from a drawing, too. */
export const refinement: Panel = {
  name: 'refine',
  title: 'Watch noise become an example',
  fits: ({ programs: { advance } }) =>
    advance?.chain !== undefined && advance.outputs.predicted?.meaning === 'data',
  build,
};

function build({ sampler, manifest, condition, fail }: PanelContext): HTMLElement {
  const { inputs } = manifest.programs.advance!;
  const points = manifest.data.kind === 'points';
  const sliders = scalarSliders(inputs);
  const count = make('input', {
    ...{ type: 'number', inputMode: 'numeric', required: true, step: 1, min: 1 },
    ...{ max: points ? 2000 : 64, value: points ? 500 : 4 },
  });
  const noisy = make('canvas', { role: 'img', 'aria-label': 'What is drawn so far', className: 'result' });
  const clean = make('canvas', {
    role: 'img',
    'aria-label': 'What the model sees in it',
    className: 'result',
  });
  const note = make('p', { className: 'note' });
  const status = make('p', { className: 'note', role: 'status' });
  const when = make('input', { type: 'range', min: 1, max: 1, step: 1, value: 1, disabled: true });
  const drawing = drawingSheets({ sampler, manifest, fail });

  let frames: Refined[] = [];
  let seed = randomSeed();
  let stop = new AbortController();

  const show = (step: number) => {
    const frame = frames[step - 1];
    if (frame === undefined) return;
    drawSamples(noisy, frame.data.data, manifest.data);
    drawSamples(clean, frame.predicted.data, manifest.data);
    const said = `Step ${step} of ${when.max}`;
    when.setAttribute('aria-valuetext', said);
    note.textContent = `${said}. First what is drawn so far, then what the model sees in it.`;
    noisy.dataset.step = String(step);
  };
  const run = async (signal: AbortSignal) => {
    frames = [];
    when.disabled = true;
    status.textContent = 'Drawing';
    const start = drawing?.start();
    const request = {
      ...condition(),
      ...{ count: count.valueAsNumber, seed },
      ...(start && { start: { data: repeated(start.data, count.valueAsNumber), held: start.held } }),
      scalars: {
        ...Object.fromEntries(sliders.map(({ name, box }) => [name, box.valueAsNumber])),
        ...(start && { strength: start.strength }),
      },
    };
    const { sampleMs } = await sampler.refine(
      request,
      ({ data, predicted, done, of }) => {
        if (signal.aborted) return;
        frames.push({ data, predicted });
        when.max = String(of);
        when.valueAsNumber = done;
        show(done);
      },
      { signal },
    );
    when.disabled = frames.length < 2;
    noisy.dataset.done = String(Number(noisy.dataset.done ?? 0) + 1);
    status.textContent = `${steps(frames.length)} in ${formatTime(sampleMs)} on ${deviceName(sampler.device)}, seed ${seed}`;
  };
  /** What is asked for last is drawn; what is overtaken says nothing. */
  const go = async () => {
    if (!count.reportValidity()) return;
    stop.abort(new Error('overtaken'));
    stop = new AbortController();
    const { signal } = stop;
    try {
      await run(signal);
    } catch (error) {
      if (signal.aborted) return;
      status.textContent = '';
      fail(error);
    }
  };
  const button = (text: string, onclick: () => void, className = '') =>
    make('button', { type: 'button', className, onclick }, text);
  const halt = () => {
    stop.abort(new Error('stopped'));
    when.disabled = frames.length < 2;
    status.textContent = `Stopped after ${steps(frames.length)}`;
  };
  when.addEventListener('input', () => show(when.valueAsNumber));
  for (const box of [count, ...sliders.map((each) => each.box)])
    box.addEventListener('change', () => void go());
  void go();
  return make(
    'div',
    { className: 'refine' },
    make('div', { className: 'pair' }, noisy, clean),
    note,
    field('Look back at a step', when),
    make(
      'div',
      { className: 'row' },
      button('Draw again', () => void go(), 'main'),
      button('Other noise', () => {
        seed = randomSeed();
        void go();
      }),
      button('Stop', halt),
    ),
    status,
    make('div', { className: 'boxes' }, ...sliders.map((each) => each.field), field('Samples', count)),
    ...(drawing ? [drawing.element] : []),
  );
}

const steps = (count: number) => (count === 1 ? '1 step' : `${count} steps`);

/** A slider for each scalar that the chain takes and this panel knows. */
function scalarSliders(inputs: Readonly<Record<string, InputSpec>>): (Slider & { readonly name: string })[] {
  const known = [
    { name: chainLength, label: 'Steps', most: mostSteps, step: 1, shown: (value: number) => String(value) },
    { name: 'guidance', label: 'Guidance towards the class', most: 8, step: 0.25 },
    { name: 'eta', label: 'Noise of each step (eta)', most: 1, step: 0.05 },
  ];
  return known.flatMap(({ name, label, most, step, shown }) => {
    const spec = inputs[name];
    if (spec?.role !== 'scalar') return [];
    const { min = 0, max = most, default: value } = spec;
    return [{ name, ...slider(label, { min, max: Math.min(max, most), step, value }, shown) }];
  });
}

/** What a drawing starts from: the image, what of it is held, and how much noise the rest gets. */
interface DrawnStart {
  readonly data: HostTensor;
  readonly held: HostTensor;
  readonly strength: number;
}

/** A sheet to draw on, one to mark what is held, and how far from it a sample may go; of models that complete images. */
function drawingSheets({ sampler, manifest, fail }: Pick<PanelContext, 'sampler' | 'manifest' | 'fail'>) {
  const { data: spec, programs } = manifest;
  const strengthSpec = programs.complete?.inputs.strength;
  if (spec.kind !== 'image' || !has(manifest, 'complete') || strengthSpec?.role !== 'scalar')
    return undefined;
  const use = make('select', {}, new Option('noise', 'noise'), new Option('the drawing', 'drawing'));
  const strength = slider(
    'Noise over the drawing',
    { min: 0.05, max: 1, step: 0.05, value: 0.6 },
    (value) => `${Math.round(100 * value)} %${value === 1 ? ', nothing of it left but what is held' : ''}`,
  );
  const drawing = makeDrawing(
    spec,
    sampler,
    () => {
      use.value = 'drawing';
      mask.show(drawing.read());
    },
    fail,
  );
  const mask = makeMaskSheet(spec.shape, spec.range, () => {
    use.value = 'drawing';
  });
  const [height, width, channels] = spec.shape;
  const start = (): DrawnStart | undefined => {
    if (use.value !== 'drawing') return undefined;
    const marks = mask.read();
    const held = Float32Array.from({ length: height * width }, (_, i) => marks[i * channels]!);
    return {
      data: drawing.read(),
      held: hostTensor('float32', [1, height, width, 1], held),
      strength: strength.box.valueAsNumber,
    };
  };
  const element = make(
    'details',
    { className: 'inner' },
    make('summary', {}, 'Start from a drawing, or hold a part of it'),
    make(
      'p',
      { className: 'note' },
      'Draw on the first sheet: it is laid under noise and refined from there. What is marked on the second stays as drawn. ' +
        'Then press Draw again.',
    ),
    make('div', { className: 'boxes' }, field('Start', use), strength.field),
    make('div', { className: 'pair' }, drawing.element, mask.element),
  );
  return { element, start };
}
