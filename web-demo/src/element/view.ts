import type { InputSpec } from '@generatrix/runtime/web';
import { field, make } from '../view/make.ts';
import styleText from './style.css?inline';

/** One style sheet for all elements of the page: constructed, so that no policy against inline style forbids it. */
let sheet: CSSStyleSheet | undefined;

function styleSheet(): CSSStyleSheet {
  sheet ??= new CSSStyleSheet();
  sheet.replaceSync(styleText);
  return sheet;
}

/** What the element's buttons do. */
export interface ViewActions {
  run(): void;
  cancel(): void;
  sample(): void;
  newSeed(): void;
  sound(): void;
}

/** The parts of the element that change. */
export interface View {
  readonly canvas: HTMLCanvasElement;
  readonly run: HTMLButtonElement;
  readonly runNote: HTMLElement;
  readonly offer: HTMLElement;
  readonly busy: HTMLElement;
  readonly progress: HTMLProgressElement;
  readonly progressText: HTMLElement;
  readonly form: HTMLFormElement;
  readonly seed: HTMLInputElement;
  readonly label: HTMLSelectElement;
  readonly labelField: HTMLElement;
  readonly temperature: HTMLInputElement;
  readonly temperatureField: HTMLElement;
  readonly sound: HTMLButtonElement;
  readonly status: HTMLElement;
  readonly error: HTMLElement;
}

/** Builds the element's shadow tree. */
export function buildView(root: ShadowRoot, actions: ViewActions): View {
  const canvas = make('canvas', {
    part: 'canvas',
    role: 'img',
    'aria-label': 'No samples yet',
    width: 1,
    height: 1,
  });
  const run = make(
    'button',
    { part: 'button run', className: 'main run', type: 'button', onclick: actions.run },
    'Run here',
  );
  const runNote = make('span', { part: 'size', className: 'note' });
  const progress = make('progress', { part: 'progress', 'aria-label': 'Progress' });
  const progressText = make('span', { className: 'note' });
  const cancel = make('button', { part: 'button cancel', type: 'button', onclick: actions.cancel }, 'Cancel');
  const seed = make('input', {
    type: 'number',
    inputMode: 'numeric',
    min: '0',
    max: '4294967295',
    step: '1',
    required: true,
  });
  const label = make('select');
  const temperature = make('input', { type: 'number', step: 'any', required: true });
  const labelField = field('Class', label);
  const temperatureField = field('Temperature', temperature);
  const sound = make('button', { part: 'button sound', type: 'button', onclick: actions.sound }, 'Play');
  const form = make(
    'form',
    {
      part: 'controls',
      onsubmit: (event: Event) => {
        event.preventDefault();
        actions.sample();
      },
    },
    field('Seed', seed),
    labelField,
    temperatureField,
    make(
      'div',
      { className: 'buttons' },
      make('button', { part: 'button sample', className: 'main', type: 'submit' }, 'Sample'),
      make('button', { part: 'button new-seed', type: 'button', onclick: actions.newSeed }, 'New seed'),
      sound,
    ),
  );
  const offer = make('div', { className: 'row' }, run, runNote);
  const busy = make('div', { className: 'row' }, progress, progressText, cancel);
  const status = make('p', { part: 'status', className: 'status', role: 'status' });
  const error = make('p', { part: 'error', className: 'error', role: 'alert' });
  for (const part of [offer, busy, form, error, labelField, temperatureField, sound]) part.hidden = true;
  root.adoptedStyleSheets = [styleSheet()];
  root.append(
    make(
      'div',
      { className: 'frame', part: 'frame' },
      make('div', { className: 'stage', part: 'stage' }, canvas),
      offer,
      error,
      busy,
      form,
      status,
      make('slot'),
    ),
  );
  return {
    ...{ canvas, run, runNote, offer, busy, progress, progressText, form, seed, label, labelField },
    ...{ temperature, temperatureField, sound, status, error },
  };
}

/** Shows the boxes that the sampling program asks for. */
export function offerInputs(
  view: View,
  inputs: Readonly<Record<string, InputSpec>>,
  classNames: readonly string[],
): void {
  const specs = Object.values(inputs);
  const label = specs.find(({ role }) => role === 'label');
  view.labelField.hidden = label === undefined;
  const classes = label?.role === 'label' ? label.classes : 0;
  view.label.replaceChildren(
    new Option('each in turn', ''),
    ...Array.from({ length: classes }, (_, i) => new Option(classNames[i] ?? String(i), String(i))),
  );
  const temperature = inputs.temperature;
  view.temperatureField.hidden = temperature?.role !== 'scalar';
  if (temperature?.role !== 'scalar') return;
  if (temperature.min !== undefined) view.temperature.min = String(temperature.min);
  if (temperature.max !== undefined) view.temperature.max = String(temperature.max);
  view.temperature.value = String(temperature.default);
}
