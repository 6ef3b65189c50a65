import type { DeviceRequest } from '@generatrix/runtime/web';
import { fetchManifest, parseManifest } from '../cache/bundle-files.ts';
import { makeStage } from '../model/stage.ts';
import { toEntry } from '../model-list.ts';
import { saveFile } from '../view/save-file.ts';
import { formatBytes } from '../view/text.ts';
import { lossCurve } from './loss-curve.ts';
import { imagesAsExamples } from './own-images.ts';
import type { FromTrainer, OpenedTraining, OwnExamples } from './protocol.ts';
import { openTrainer, type RemoteTrainer } from './remote-trainer.ts';

/** What the page is doing; also its `data-state`, which the style sheet and the tests read. */
type PageState = 'choosing' | 'opening' | 'training' | 'stopping' | 'stopped' | 'failed';

function find<T extends HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page lacks its element #${id}`);
  return element as T;
}

const main = find('main');
const form = find<HTMLFormElement>('train-form');
const buttons = {
  start: find<HTMLButtonElement>('start'),
  stop: find<HTMLButtonElement>('stop'),
  download: find<HTMLButtonElement>('download'),
};
const files = find<HTMLInputElement>('files');
const stage = makeStage(find('stage'));
const curve = lossCurve(find('curve'));
const numberOf = (id: string) => find<HTMLInputElement>(id).valueAsNumber;

let trainer: RemoteTrainer | undefined;
let opened: OpenedTraining | undefined;
let lossLine = '';
/** Counts the trainings that were begun or stopped while they were opened. */
let attempts = 0;

function show(state: PageState, line: string): void {
  main.dataset.state = state;
  const busy = state === 'opening' || state === 'training' || state === 'stopping';
  main.setAttribute('aria-busy', String(busy));
  buttons.start.disabled = busy;
  buttons.start.textContent = opened === undefined ? 'Train' : 'Go on';
  buttons.stop.disabled = state !== 'training' && state !== 'opening';
  buttons.download.disabled = state !== 'stopped';
  for (const id of ['device', 'seed', 'from', 'files']) {
    find<HTMLInputElement>(id).disabled = busy || opened !== undefined;
  }
  find('restart').hidden = busy || opened === undefined;
  find('status').textContent = line;
}

function fail(message: string): void {
  const element = find('error');
  element.textContent = message.split('\n')[0]!;
  element.hidden = message === '';
  if (message !== '') {
    close();
    show('failed', '');
  }
}

function close(): void {
  trainer?.close();
  trainer = undefined;
  opened = undefined;
}

function bundleAddress(): string {
  const path = new URLSearchParams(location.search).get('model') || 'models/vae';
  return toEntry(path, path, document.baseURI).url;
}

/** The pictures chosen or dropped, or nothing: the bundle's own examples. */
async function ownExamples(): Promise<OwnExamples | undefined> {
  const chosen = [...(files.files ?? [])];
  if (chosen.length === 0) return undefined;
  const { text } = await fetchManifest(new URL('model.json', bundleAddress()).href);
  const spec = parseManifest(text, bundleAddress()).data;
  if (spec?.kind !== 'image')
    throw new Error(`own pictures can train image models only, not ${spec?.kind ?? 'those of other data'}`);
  return { data: await imagesAsExamples(chosen, spec), name: `${chosen.length} pictures of yours` };
}

async function start(): Promise<void> {
  fail('');
  const steps = numberOf('steps');
  if (trainer !== undefined) {
    show('training', 'Going on');
    trainer.train(steps);
    return;
  }
  show('opening', 'Loading the training step');
  curve.clear();
  lossLine = '';
  attempts += 1;
  const attempt = attempts;
  const examples = await ownExamples();
  if (attempt !== attempts) return; // stopped meanwhile
  trainer = openTrainer(
    {
      url: bundleAddress(),
      device: find<HTMLSelectElement>('device').value as DeviceRequest,
      wasmPaths: new URL('ort/', document.baseURI).href,
      seed: numberOf('seed'),
      from: find<HTMLSelectElement>('from').value as 'fresh' | 'trained',
    },
    examples,
    (message) => receive(message, steps),
  );
}

function receive(message: FromTrainer, steps: number): void {
  switch (message.kind) {
    case 'progress':
      // Programs are fetched when they are first needed: that of the samples after the training has begun.
      if (main.dataset.state === 'opening')
        show('opening', `Loading: ${formatBytes(message.received)} of ${formatBytes(message.total)}`);
      break;
    case 'opened':
      opened = message.training;
      describe(opened);
      show('training', 'Training');
      trainer!.train(steps);
      break;
    case 'report': {
      const { step, metrics } = message.report;
      curve.add(message.report);
      main.dataset.step = String(step);
      main.dataset.loss = String(metrics.loss);
      lossLine = `loss ${metrics.loss!.toPrecision(5)} up to step ${step}`;
      find('progress-line').textContent = lossLine;
      break;
    }
    case 'pace': {
      const { step, stepTime } = message;
      find('progress-line').textContent = [
        `Step ${step}`,
        `${stepTime.toFixed(1)} ms each`,
        ...(lossLine === '' ? [] : [lossLine]),
      ].join(', ');
      break;
    }
    case 'samples':
      stage.show(message.data.data, opened!.spec, `Samples after step ${message.step}`);
      find('stage-caption').textContent = `Samples with seed 42 after step ${message.step}`;
      break;
    case 'stopped':
      show('stopped', `Stopped after step ${message.step}`);
      break;
    case 'bundle':
      find('status').textContent = saveFile(
        new Blob([message.zip], { type: 'application/zip' }),
        `${message.name}.zip`,
      );
      break;
    case 'failed':
      fail(message.message);
  }
}

function describe({ title, device, batchSize, examples, dataset, parameters }: OpenedTraining): void {
  find('facts').textContent =
    `${title}: ${parameters.toLocaleString('en')} parameters, ${examples} examples (${dataset}), ` +
    `batches of ${batchSize}, on ${device === 'wasm' ? 'WASM' : 'WebGPU'}`;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  start().catch((error: unknown) => fail(error instanceof Error ? error.message : String(error)));
});
buttons.stop.addEventListener('click', () => {
  if (main.dataset.state === 'opening') {
    attempts += 1;
    close();
    show('choosing', 'Stopped');
    return;
  }
  show('stopping', 'Stopping after this step');
  trainer?.stop();
});
buttons.download.addEventListener('click', () => trainer?.requestBundle());
find('restart').addEventListener('click', () => {
  close();
  curve.clear();
  stage.clear();
  find('progress-line').textContent = '';
  find('facts').textContent = '';
  find('stage-caption').textContent = '';
  show('choosing', '');
});
const drop = find('drop');
drop.addEventListener('dragover', (event) => event.preventDefault());
drop.addEventListener('drop', (event) => {
  event.preventDefault();
  if (event.dataTransfer !== null && !files.disabled) files.files = event.dataTransfer.files;
});
show('choosing', '');
