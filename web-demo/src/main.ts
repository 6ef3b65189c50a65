import { applyQuery, controls, offerInputs, offerModels, readDevice, readRequest } from './controls.ts';
import { listModels, type ModelEntry, toEntry } from './model-list.ts';
import type { LoadedModel } from './protocol.ts';
import { openRemoteSampler, type RemoteSampler } from './remote-sampler.ts';
import { sampleLine, showError, showFacts, showProgress, showState, showStatus } from './report.ts';
import { makeStage } from './stage.ts';

/** The model that is open, or opening. At most one; a task that finds another one here has been overtaken. */
interface Open {
  readonly entry: ModelEntry;
  readonly sampler: RemoteSampler;
  model?: LoadedModel;
  downloadBytes: number;
}

const stage = makeStage(document.getElementById('stage')!);
let entries: ModelEntry[] = [];
let open: Open | undefined;

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
  open?.sampler.close();
  open = undefined;
}

/** Loads the chosen model on the chosen device in a new worker, in place of what was open. */
async function openModel(): Promise<Open | undefined> {
  closeModel();
  const entry = entries[controls.model.selectedIndex]!;
  setBusy('loading');
  showStatus(`Loading ${entry.title}`);
  showProgress(0, 0);
  const request = {
    url: entry.url,
    device: readDevice(),
    wasmPaths: new URL('ort/', document.baseURI).href,
  };
  const sampler = openRemoteSampler(request, (received, total) => {
    if (open?.sampler !== sampler) return;
    open.downloadBytes = received;
    showProgress(received, total);
  });
  const opening: Open = { entry, sampler, downloadBytes: 0 };
  open = opening;
  try {
    opening.model = await sampler.loaded;
  } catch (error) {
    if (open === opening) fail(error);
    return undefined;
  }
  if (open !== opening) return undefined;
  offerInputs(opening.model);
  return opening;
}

/** Draws what the form asks for; opens the model first when none is open. */
async function draw(): Promise<void> {
  const using = open?.model ? open : await openModel();
  if (!using?.model) return;
  const { model, sampler } = using;
  if (!controls.form.reportValidity()) return setIdle('stopped');
  const request = readRequest();
  setBusy('sampling');
  showStatus('Sampling');
  try {
    const { data, sampleMs } = await sampler.sample(request);
    if (open !== using) return;
    const line = sampleLine(request.count, request.seed, sampleMs, model.device);
    stage.show(data.data, model.data, `${line}, ${model.family} trained on ${model.data.name}`);
    showFacts(model, using.downloadBytes, sampleMs);
    showStatus(line);
    setIdle('ready');
    rememberInAddress(using.entry, request);
  } catch (error) {
    if (open === using) fail(error);
  }
}

/** So that the address can be shared and shows the same picture. */
function rememberInAddress(entry: ModelEntry, request: { seed: number; count: number }): void {
  const address = new URL(location.href);
  address.searchParams.set('model', entry.path);
  address.searchParams.set('seed', String(request.seed));
  address.searchParams.set('count', String(request.count));
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
  const wanted = query.get('model');
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
    controls.seed.valueAsNumber = crypto.getRandomValues(new Uint32Array(1))[0]!;
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

start().catch(fail);
