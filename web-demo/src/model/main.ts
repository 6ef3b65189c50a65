import { randomSeed, samplingProgram } from '@generatrix/runtime/core';
import type { Manifest } from '@generatrix/runtime/web';
import { fetchManifest, parseManifest } from '../cache/bundle-files.ts';
import { descriptionOf } from '../gallery/description.ts';
import { equationParts } from '../gallery/equation.ts';
import { listModels, type ModelEntry, toEntry } from '../model-list.ts';
import { keepOffline } from '../offline/keep-offline.ts';
import { bestPanel, offerPanels } from '../panels/index.ts';
import { parityBadge } from '../panels/parity-badge.ts';
import { sampleLine } from '../view/text.ts';
import type { SampleRequest } from '../worker/protocol.ts';
import { loadSampler, type RemoteSampler } from '../worker/remote-sampler.ts';
import {
  applyInputs,
  applyQuery,
  controls,
  offerInputs,
  offerModels,
  readDevice,
  readRequest,
} from './controls.ts';
import { showError, showFacts, showProgress, showState, showStatus } from './report.ts';
import { makeStage } from './stage.ts';
import { offerTakeAway } from './take-away.ts';

/** The model that is open, or opening. At most one; a task that finds another one here has been overtaken. */
interface Open {
  readonly entry: ModelEntry;
  /** Ends the loading. */
  readonly controller: AbortController;
  sampler?: RemoteSampler;
}

const stage = makeStage(document.getElementById('stage')!);
let entries: ModelEntry[] = [];
let open: Open | undefined;
/** What the address asked for, until the first model is there to be asked. */
let asked: URLSearchParams | undefined;

function setBusy(state: 'loading' | 'sampling'): void {
  showState(state);
  showError('');
  controls.sample.disabled = true;
  controls.random.disabled = true;
  controls.stop.hidden = false;
}

function setIdle(state: 'ready' | 'stopped' | 'failed'): void {
  showState(state);
  controls.sample.disabled = entries.length === 0;
  controls.random.disabled = entries.length === 0;
  controls.stop.hidden = true;
}

function fail(error: unknown): void {
  closeModel();
  stage.clear();
  showStatus('');
  showError(error instanceof Error ? error.message : String(error));
  setIdle('failed');
}

function closeModel(): void {
  open?.controller.abort(new Error('closed'));
  open?.sampler?.close();
  open = undefined;
  for (const id of ['best', 'panels', 'parity', 'take', 'taken']) find(id).replaceChildren();
}

function find(id: string): HTMLElement {
  return document.getElementById(id)!;
}

/** Loads the chosen model on the chosen device, in place of what was open. */
async function openModel(): Promise<Open | undefined> {
  closeModel();
  const entry = entries[controls.model.selectedIndex]!;
  if (find('main').dataset.state === 'starting') await describeAhead(entry);
  setBusy('loading');
  showStatus(`Loading ${entry.title}`);
  showProgress(0, 0);
  const opening: Open = { entry, controller: new AbortController() };
  open = opening;
  try {
    opening.sampler = await loadSampler(entry.url, {
      device: readDevice(),
      signal: opening.controller.signal,
      onProgress: (received, total) => {
        if (open === opening) showProgress(received, total);
      },
    });
  } catch (error) {
    if (open === opening) fail(error);
    return undefined;
  }
  if (open !== opening) return undefined;
  describe(entry, opening.sampler.manifest);
  return opening;
}

/** What the page says of a model, and the boxes that it asks for. */
function describe(entry: ModelEntry, manifest: Manifest): void {
  const { title, equation, sources } = descriptionOf(manifest);
  find('title').textContent = title;
  find('about').textContent = `${manifest.name}, trained on ${manifest.data.name}; computed on your device.`;
  find('equation').replaceChildren(...equationParts(equation));
  find('equation').title = sources.join('; ');
  find('best').hidden = bestPanel(manifest) === undefined;
  const train = find('train') as HTMLAnchorElement;
  train.hidden = manifest.training === undefined;
  train.href = `train.html?model=${encodeURIComponent(entry.path)}`;
  offerInputs(manifest);
  if (asked) applyInputs(asked);
}

/**
 * Describes a model before it is loaded, so that nothing moves when it is. What is wrong with its manifest is for the
 * worker to say, which checks it.
 */
async function describeAhead(entry: ModelEntry): Promise<void> {
  try {
    const { text } = await fetchManifest(new URL('model.json', entry.url).href);
    describe(entry, parseManifest(text, entry.url) as Manifest);
  } catch {
    // as above
  }
}

/** Draws what the form asks for; opens the model first when none is open. */
async function draw(): Promise<void> {
  const fresh = open?.sampler === undefined;
  const using = fresh ? await openModel() : open;
  const sampler = using?.sampler;
  if (!using || !sampler) return;
  if (!controls.form.reportValidity()) return setIdle('stopped');
  const request = readRequest();
  if (samplingProgram(sampler.manifest.programs) === undefined) {
    showStatus('This model draws no samples; see below for what it does.');
    setIdle('ready');
    return offerMore(sampler);
  }
  setBusy('sampling');
  showStatus('Sampling');
  try {
    const { signal } = using.controller;
    const { data, sampleMs } = await sampler.sample(request, { signal });
    if (open !== using) return;
    const { manifest, device } = sampler;
    const line = sampleLine(request.count, request.seed, sampleMs, device);
    stage.show(data.data, manifest.data, `${line}, ${manifest.family} trained on ${manifest.data.name}`);
    asked = undefined;
    showFacts(sampler, sampleMs);
    showStatus(line);
    setIdle('ready');
    rememberInAddress(using.entry, request);
    if (fresh) offerMore(sampler);
  } catch (error) {
    if (open === using) fail(error);
  }
}

/** After the first samples: whether they can be trusted, and what else the model does. */
function offerMore(sampler: RemoteSampler): void {
  const first = samplingProgram(sampler.manifest.programs);
  find('parity').replaceChildren(parityBadge(sampler, first === undefined ? undefined : [first]));
  offerPanels(find('panels'), find('best'), sampler, controls.label);
  const { url } = entries[controls.model.selectedIndex]!;
  const { manifest } = sampler;
  const taken = () => {
    const { count, seed } = readRequest();
    return { manifest, url, count, seed, canvas: document.querySelector<HTMLCanvasElement>('#stage canvas') };
  };
  offerTakeAway(find('take'), taken, (line) => {
    find('taken').textContent = line;
  });
}

/** So that the address can be shared and shows the same picture. */
function rememberInAddress(entry: ModelEntry, { seed, count, label, scalars = {} }: SampleRequest): void {
  const address = new URL(location.href);
  address.searchParams.set('model', entry.path);
  address.searchParams.set('seed', String(seed));
  address.searchParams.set('count', String(count));
  if (label === undefined) address.searchParams.delete('label');
  else address.searchParams.set('label', String(label));
  for (const [name, value] of Object.entries(scalars)) address.searchParams.set(name, String(value));
  history.replaceState(null, '', address);
}

function reopen(): void {
  stage.clear();
  closeModel();
  void draw();
}

async function start(): Promise<void> {
  const query = new URLSearchParams(location.search);
  applyQuery(query);
  asked = query;
  const wanted = query.get('model') || null;
  const base = document.baseURI;
  entries = await listModels(base, wanted);
  const wantedUrl = wanted === null ? entries[0]!.url : toEntry(wanted, '', base).url;
  offerModels(
    entries,
    entries.findIndex(({ url }) => url === wantedUrl),
  );
  controls.form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!controls.sample.disabled) void draw();
  });
  controls.random.addEventListener('click', () => {
    controls.seed.valueAsNumber = randomSeed();
    controls.form.requestSubmit();
  });
  controls.stop.addEventListener('click', () => {
    closeModel();
    showStatus('Stopped');
    setIdle('stopped');
    controls.sample.focus();
  });
  controls.model.addEventListener('change', reopen);
  controls.device.addEventListener('change', reopen);
  await draw();
}

void keepOffline('./generatrix-offline.js');
start().catch(fail);
