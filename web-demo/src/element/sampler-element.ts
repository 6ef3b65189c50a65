import {
  type DeviceRequest,
  type DrawKind,
  type LabelDistribution,
  type Manifest,
  randomSeed,
  samplingInputs,
} from '@generatrix/runtime/core';
import { keepOffline } from '../offline/keep-offline.ts';
import { drawSamples } from '../view/sample-view.ts';
import { play } from '../view/sound.ts';
import { formatBytes, sampleLine } from '../view/text.ts';
import type { SampleRequest } from '../worker/protocol.ts';
import { loadSampler, type RemoteSampler } from '../worker/remote-sampler.ts';
import { drawPoster, previewBundle } from './poster.ts';
import { buildView, offerInputs, type View } from './view.ts';

/** What the element is doing; also its attribute `state`, for style sheets. */
export type ElementState = 'empty' | 'poster' | 'loading' | 'sampling' | 'ready' | 'failed';

const attributes = [
  'src',
  'count',
  'seed',
  'device',
  'label',
  'labels',
  'draw',
  'temperature',
  'autoload',
] as const;
const devices: readonly string[] = ['auto', 'webgpu', 'wasm'];

/**
 * `<generatrix-sampler src="models/vae" count="16" seed="42">`: shows the bundle's own picture and what running it
 * will fetch; once run, draws samples on the visitor's device. See web-demo/README.md for attributes, properties,
 * events and parts.
 */
export class GeneratrixSampler extends HTMLElement {
  static readonly observedAttributes = attributes;
  readonly #view: View;
  #sampler: RemoteSampler | undefined;
  /** Ends whatever is going on; a new one for each task. */
  #task = new AbortController();
  #sound: Float32Array | undefined;
  #restart = false;

  constructor() {
    super();
    this.#view = buildView(this.attachShadow({ mode: 'open' }), {
      run: () => void this.sample().catch(() => undefined),
      cancel: () => this.cancel(),
      sample: () => void this.#submit(),
      newSeed: () => {
        this.#view.seed.valueAsNumber = randomSeed();
        void this.#submit();
      },
      sound: () => this.#play(),
    });
  }

  get src(): string {
    return this.getAttribute('src') ?? '';
  }
  set src(value: string) {
    this.setAttribute('src', value);
  }
  /** Samples at a time, 16 when absent. */
  get count(): number {
    return whole(this.getAttribute('count'), 1, 10_000) ?? 16;
  }
  set count(value: number) {
    this.setAttribute('count', String(value));
  }
  /** 42 when absent: the picture is the same at every visit. */
  get seed(): number {
    return whole(this.getAttribute('seed'), 0, Number.MAX_SAFE_INTEGER) ?? 42;
  }
  set seed(value: number) {
    this.setAttribute('seed', String(value));
  }
  get device(): DeviceRequest {
    const value = this.getAttribute('device') ?? 'auto';
    return (devices.includes(value) ? value : 'auto') as DeviceRequest;
  }
  set device(value: DeviceRequest) {
    this.setAttribute('device', value);
  }
  /** Class of all samples; when absent they take turns. */
  get label(): number | undefined {
    return whole(this.getAttribute('label'), 0, 2 ** 31 - 1);
  }
  set label(value: number | undefined) {
    if (value === undefined) this.removeAttribute('label');
    else this.setAttribute('label', String(value));
  }
  /** How samples without a label get their classes: in turn when absent, or as in the training data. */
  get labels(): LabelDistribution | undefined {
    const value = this.getAttribute('labels');
    return value === 'data' || value === 'balanced' ? value : undefined;
  }
  set labels(value: LabelDistribution | undefined) {
    this.#set('labels', value);
  }
  /** Draws from the model's distribution or means given a code; as the model's bundle says when absent. */
  get draw(): DrawKind | undefined {
    const value = this.getAttribute('draw');
    return value === 'sample' || value === 'mean' ? value : undefined;
  }
  set draw(value: DrawKind | undefined) {
    this.#set('draw', value);
  }
  get temperature(): number | undefined {
    const text = this.getAttribute('temperature');
    const value = Number(text);
    return text === null || text === '' || !Number.isFinite(value) ? undefined : value;
  }
  set temperature(value: number | undefined) {
    if (value === undefined) this.removeAttribute('temperature');
    else this.setAttribute('temperature', String(value));
  }
  /** The model, once it is loaded: everything that can be asked of it. */
  get sampler(): RemoteSampler | undefined {
    return this.#sampler;
  }
  get state(): ElementState {
    return (this.getAttribute('state') as ElementState | null) ?? 'empty';
  }

  connectedCallback(): void {
    const offline = this.getAttribute('offline');
    if (offline) void keepOffline(offline);
    this.#schedule();
  }

  disconnectedCallback(): void {
    this.#close();
  }

  attributeChangedCallback(
    name: (typeof attributes)[number],
    before: string | null,
    now: string | null,
  ): void {
    if (before === now || !this.isConnected) return;
    if (name === 'seed') this.#view.seed.valueAsNumber = this.seed;
    if (name === 'src' || name === 'device') this.#schedule();
    else if (this.state === 'ready' && name !== 'autoload') void this.sample().catch(() => undefined);
  }

  /** Attributes come one by one; what they mean together is looked at once. */
  #schedule(): void {
    if (this.#restart) return;
    this.#restart = true;
    queueMicrotask(() => {
      this.#restart = false;
      if (this.isConnected) void this.#start();
    });
  }

  async #start(): Promise<void> {
    this.#close();
    this.#setState('empty');
    this.#fail('');
    this.#view.seed.valueAsNumber = this.seed;
    if (this.src === '') return;
    const { signal } = this.#task;
    try {
      const preview = await previewBundle(this.#address(), this.device, signal);
      signal.throwIfAborted();
      this.#view.runNote.textContent = preview.line;
      this.#setState('poster');
      if (this.hasAttribute('autoload')) void this.sample().catch(() => undefined);
      else await drawPoster(this.#view.canvas, this.#address(), preview.manifest, signal).catch(() => false);
    } catch (error) {
      if (!signal.aborted) this.#report(error);
    }
  }

  /** Loads the model, if it is not loaded. @throws what went wrong, which the element also shows. */
  async load(): Promise<RemoteSampler> {
    if (this.#sampler) return this.#sampler;
    const { signal } = this.#newTask();
    this.#setState('loading');
    this.#progress('Loading', 0, 0);
    try {
      const sampler = await loadSampler(this.#address(), {
        device: this.device,
        signal,
        onProgress: (received, total) => {
          const done = total > 0 && received >= total;
          this.#progress(done ? 'Getting ready' : bytesLine(received, total), received, total);
          this.#emit('progress', { phase: 'load', received, total });
        },
      });
      this.#sampler = sampler;
      const { manifest, device, deviceReports, loadMs, downloadBytes } = sampler;
      offerInputs(this.#view, samplingInputs(manifest.programs) ?? {}, manifest.data.classNames);
      if (this.temperature !== undefined) this.#view.temperature.valueAsNumber = this.temperature;
      if (this.label !== undefined) this.#view.label.value = String(this.label);
      this.#setState('ready');
      this.#emit('load', { manifest, device, deviceReports, loadMs, downloadBytes });
      return sampler;
    } catch (error) {
      if (!signal.aborted) this.#report(error);
      throw error;
    }
  }

  /** Draws samples as the attributes say, and shows them. @throws what went wrong, which the element also shows. */
  async sample(): Promise<void> {
    const sampler = this.#sampler ?? (await this.load());
    if (samplingInputs(sampler.manifest.programs) === undefined) {
      this.#view.form.hidden = true;
      this.#view.status.textContent = 'This model is loaded; it draws no samples.';
      return;
    }
    const { signal } = this.#newTask();
    const { count, seed } = this;
    this.#setState('sampling');
    this.#fail('');
    this.#progress('Sampling', 0, 0);
    try {
      const { data, sampleMs } = await sampler.sample(
        { count, seed, ...this.#conditions(sampler.manifest) },
        { signal },
      );
      const spec = sampler.manifest.data;
      const line = sampleLine(count, seed, sampleMs, sampler.device);
      drawSamples(this.#view.canvas, data.data, spec);
      this.#view.canvas.setAttribute(
        'aria-label',
        `${line}, ${sampler.manifest.family} trained on ${spec.name}`,
      );
      this.#view.status.textContent = line;
      this.#sound = spec.kind === 'audio' ? (data.data as Float32Array).slice(0, spec.shape[0]) : undefined;
      this.#view.sound.hidden = this.#sound === undefined;
      this.#setState('ready');
      this.#emit('sample', { data, seed, count, sampleMs, device: sampler.device });
    } catch (error) {
      if (!signal.aborted) this.#report(error);
      throw error;
    }
  }

  /** Stops loading or sampling. */
  cancel(): void {
    this.#task.abort(new Error('cancelled'));
    this.#setState(this.#sampler ? 'ready' : 'poster');
    this.#view.status.textContent = 'Stopped';
    (this.#sampler ? this.#view.form.querySelector('button') : this.#view.run)?.focus();
  }

  async #submit(): Promise<void> {
    const { form, seed, label, temperature, labelField, temperatureField } = this.#view;
    if (this.state !== 'ready' || !form.reportValidity()) return;
    // The attributes follow the boxes; one sampling at the end, not one for each.
    this.#setState('sampling');
    this.seed = seed.valueAsNumber;
    if (!labelField.hidden) this.label = label.value === '' ? undefined : Number(label.value);
    if (!temperatureField.hidden) this.temperature = temperature.valueAsNumber;
    await this.sample().catch(() => undefined);
  }

  #set(name: string, value: string | undefined): void {
    if (value === undefined) this.removeAttribute(name);
    else this.setAttribute(name, value);
  }

  #conditions({ programs }: Manifest): Omit<SampleRequest, 'count' | 'seed'> {
    const inputs = samplingInputs(programs) ?? {};
    const { label, labels, draw, temperature } = this;
    const takesLabel = Object.values(inputs).some(({ role }) => role === 'label');
    return {
      ...(label !== undefined && takesLabel ? { label } : {}),
      ...(label === undefined && labels !== undefined && takesLabel ? { labels } : {}),
      ...(draw !== undefined && inputs.mean?.role === 'scalar' ? { draw } : {}),
      scalars: temperature !== undefined && inputs.temperature ? { temperature } : {},
    };
  }

  #address(): string {
    const url = new URL(this.src, document.baseURI);
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    return url.href;
  }

  #newTask(): AbortController {
    this.#task.abort(new Error('overtaken'));
    this.#task = new AbortController();
    return this.#task;
  }

  #close(): void {
    this.#newTask();
    this.#sampler?.close();
    this.#sampler = undefined;
    this.#sound = undefined;
  }

  #play(): void {
    const spec = this.#sampler?.manifest.data;
    if (this.#sound && spec?.kind === 'audio') play(this.#sound, spec.sampleRate);
  }

  #setState(state: ElementState): void {
    this.setAttribute('state', state);
    const { offer, busy, form, status } = this.#view;
    const isBusy = state === 'loading' || state === 'sampling';
    this.shadowRoot?.firstElementChild?.setAttribute('aria-busy', String(isBusy));
    offer.hidden = state !== 'poster' && !(state === 'failed' && !this.#sampler);
    busy.hidden = !isBusy;
    form.hidden = !this.#sampler || state === 'failed';
    if (state === 'poster' || isBusy) status.textContent = '';
  }

  #progress(text: string, received: number, total: number): void {
    const { progress, progressText } = this.#view;
    progressText.textContent = text;
    if (total > 0) {
      progress.max = total;
      progress.value = received;
    } else {
      progress.removeAttribute('value');
    }
  }

  #fail(message: string): void {
    this.#view.error.textContent = message;
    this.#view.error.hidden = message === '';
  }

  #report(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#fail(message.split('\n')[0]!);
    this.#view.run.textContent = 'Try again';
    this.#setState('failed');
    this.#emit('error', { message });
  }

  #emit(name: 'load' | 'progress' | 'sample' | 'error', detail: unknown): void {
    this.dispatchEvent(new CustomEvent(`generatrix-${name}`, { detail, bubbles: true, composed: true }));
  }
}

function bytesLine(received: number, total: number): string {
  return total > 0 ? `${formatBytes(received)} of ${formatBytes(total)}` : formatBytes(received);
}

function whole(text: string | null, min: number, max: number): number | undefined {
  const value = Number(text);
  if (text === null || text.trim() === '' || !Number.isSafeInteger(value)) return undefined;
  return value >= min && value <= max ? value : undefined;
}
