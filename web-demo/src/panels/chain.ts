import { canWalk, type HostTensor, type InputSpec, randomSeed } from '@generatrix/runtime/core';
import { field, make } from '../view/make.ts';
import { drawSamples } from '../view/sample-view.ts';
import { slider } from '../view/slider.ts';
import { deviceName, formatTime } from '../view/text.ts';
import type { Walked } from '../worker/protocol.ts';
import { makeTrace } from './chain-trace.ts';
import { makeDrawing } from './drawing.ts';
import { makeMaskSheet } from './mask-sheet.ts';
import type { Panel, PanelContext } from './panel.ts';

/** Frames that take longer than this show how far they are, in milliseconds. */
const patience = 300;

/** Follows the Markov chain of a model: step by step, from noise or an example, with parts of it held. */
export const chain: Panel = {
  name: 'chain',
  title: 'Follow the Markov chain',
  fits: (manifest) => manifest.data.kind === 'image' && canWalk({ manifest }),
  build,
};

function build({ sampler, manifest, fail }: PanelContext): HTMLElement {
  const spec = manifest.data;
  if (spec.kind !== 'image') throw new Error('this panel is for images');
  const { chain: declared, inputs } = manifest.programs.transition!;
  const onExamples = declared?.example !== undefined;

  const number = (min: number, max: number, value: number) =>
    make('input', { type: 'number', inputMode: 'numeric', min, max, step: 1, value, required: true });
  const chains = number(1, 16, 4);
  const perFrame = number(1, 100, 1);
  const start = make('select', {}, new Option('noise', 'noise'), new Option('the drawing', 'drawing'));
  const shown = make('select', {}, new Option('probabilities', '1'), new Option('states', '0'));
  const temperature = temperatureBox(inputs.temperature);
  const canvas = make('canvas', { role: 'img', 'aria-label': 'States of the chains', className: 'result' });
  const traceCanvas = make('canvas', {
    role: 'img',
    'aria-label': 'Trace of the chains',
    className: 'trace',
  });
  const trace = makeTrace(traceCanvas);
  const traceNote = make('p', { className: 'note' });
  const note = make('p', { className: 'note' });
  const status = make('p', { className: 'note', role: 'status' });
  const progress = make('progress', { 'aria-label': 'Steps of this frame', max: 1, value: 0 });
  progress.style.visibility = 'hidden';

  let image: HostTensor | undefined;
  const drawn = () => {
    image ??= drawing.read();
    return image;
  };
  const drawing = makeDrawing(
    spec,
    sampler,
    () => {
      image = undefined;
      mask.show(drawn());
    },
    fail,
  );
  const mask = makeMaskSheet(spec.shape, spec.range, () => {});

  let at: Walked | undefined;
  let seed = randomSeed();
  const run = { playing: false };
  let busy: Promise<void> | undefined;
  let controller = new AbortController();
  const count = () => Math.min(16, Math.max(1, Math.floor(chains.valueAsNumber) || 1));

  /** So many steps from where the chains are. */
  const advance = async (steps: number) => {
    const { signal } = controller;
    const begun = performance.now();
    const onPart = ({ done, of }: { done: number; of: number }) => {
      if (performance.now() - begun < patience) return;
      progress.max = of;
      progress.value = done;
      progress.style.visibility = 'visible';
    };
    const fromDrawing = at === undefined && start.value === 'drawing';
    const moved = await sampler.walk(
      {
        ...{ count: count(), seed, steps },
        ...(at !== undefined && { step: at.step, carries: at.carries }),
        ...(fromDrawing && { start: drawn() }),
        ...(mask.any && { held: { data: drawn(), mask: mask.read() } }),
        scalars: {
          ...(inputs.mean?.role === 'scalar' && { mean: Number(shown.value) }),
          ...(temperature && { temperature: temperature.box.valueAsNumber }),
        },
      },
      onPart,
      { signal },
    );
    if (signal.aborted) return;
    at = moved;
    progress.style.visibility = 'hidden';
    drawSamples(canvas, moved.data.data, spec, Math.ceil(Math.sqrt(count())));
    canvas.dataset.step = String(moved.step);
    trace.add(moved.step, moved.trace.values);
    traceNote.textContent = `Above: ${moved.trace.name} of each chain. Lines that wander over each other's heights mix; lines that stay apart do not.`;
    note.textContent = `Step ${moved.step}, ${formatTime(moved.walkMs / steps)} a step on ${deviceName(sampler.device)}`;
  };
  /** One frame after the other, so that a slow device is never asked twice. */
  const frame = async (steps: number) => {
    await busy;
    const { signal } = controller;
    busy = advance(steps).catch((error) => {
      if (signal.aborted) return;
      pause();
      fail(error);
    });
    await busy;
  };
  const visible = () => element.isConnected && element.closest('details')?.open !== false;
  const play = async () => {
    while (run.playing) {
      await frame(Math.min(100, Math.max(1, Math.floor(perFrame.valueAsNumber) || 1)));
      await new Promise((resolve) => requestAnimationFrame(resolve));
      if (!visible()) pause();
    }
  };
  const pause = () => {
    run.playing = false;
    go.textContent = 'Play';
    if (at) status.textContent = `Paused after step ${at.step}`;
  };
  const toggle = () => {
    if (run.playing) return pause();
    run.playing = true;
    go.textContent = 'Pause';
    status.textContent = 'Playing';
    void play();
  };
  const restart = () => {
    controller.abort(new Error('overtaken'));
    controller = new AbortController();
    at = undefined;
    busy = undefined;
    seed = randomSeed();
    trace.clear();
    if (!run.playing) void frame(1);
  };
  const button = (text: string, onclick: () => void, className = '') =>
    make('button', { type: 'button', className, onclick }, text);
  const go = button('Play', toggle, 'main');
  const step = button('Step', () => {
    pause();
    void frame(1).then(() => {
      if (at && !run.playing) status.textContent = `Paused after step ${at.step}`;
    });
  });
  for (const box of [chains, start]) box.addEventListener('change', restart);
  shown.addEventListener('change', () => {
    if (!run.playing) void frame(1);
  });
  new ResizeObserver(() => trace.draw()).observe(traceCanvas);
  const examples = make(
    'details',
    { className: 'inner' },
    make('summary', {}, 'Start at an example, or hold a part of it'),
    make('p', { className: 'note' }, 'Draw on the first sheet; what is marked on the second stays as drawn.'),
    make('div', { className: 'pair' }, drawing.element, mask.element),
  );
  const element = make(
    'div',
    { className: 'chain' },
    make('div', { className: 'row' }, go, step, button('Restart', restart)),
    make('div', { className: 'pair' }, canvas, make('div', {}, traceCanvas, traceNote)),
    note,
    progress,
    status,
    make(
      'div',
      { className: 'boxes' },
      field('Chains', chains),
      field('Steps a frame', perFrame),
      ...(onExamples ? [field('Start', start)] : []),
      ...(inputs.mean?.role === 'scalar' ? [field('Show', shown)] : []),
      ...(temperature ? [temperature.field] : []),
    ),
    ...(onExamples ? [examples] : []),
  );
  void frame(1);
  return element;
}

/** A slider where the chain takes a temperature: most of what there is to see is between a half and 2. */
function temperatureBox(spec: InputSpec | undefined) {
  if (spec?.role !== 'scalar') return undefined;
  return slider('Temperature', {
    min: Math.max(0.1, spec.min ?? 0.1),
    max: Math.min(3, spec.max ?? 3),
    step: 0.05,
    value: spec.default,
  });
}
