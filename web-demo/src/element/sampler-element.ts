import { type Manifest, randomSeed, samplingInputs } from '@generatrix/runtime/core';
import { keepOffline } from '../offline/keep-offline.ts';
import { drawSamples } from '../view/sample-view.ts';
import { play } from '../view/sound.ts';
import { formatBytes, sampleLine } from '../view/text.ts';
import type { SampleRequest } from '../worker/protocol.ts';
import { loadSampler, type RemoteSampler } from '../worker/remote-sampler.ts';
import { AttributedSampler, type SamplerAttribute, samplerAttributes } from './attributed-sampler.ts';
import { Follower } from './follower.ts';
import { drawPoster, previewBundle } from './poster.ts';
import { buildView, offerInputs, type View } from './view.ts';

/** What the element is doing; also its attribute `state`, for style sheets. */
export type ElementState = 'empty' | 'poster' | 'loading' | 'sampling' | 'ready' | 'failed';

/**
 * `<generatrix-sampler src="models/vae" count="16" seed="42">`: shows the bundle's own picture and what running it
 * will fetch; once run, draws samples on the visitor's device. See web-demo/README.md for attributes, properties,
 * events and parts.
 */
export class GeneratrixSampler extends AttributedSampler {
  readonly #view: View;
  /** Opens and draws as the attributes say, whenever they change. */
  readonly #follower = new Follower<RemoteSampler>({
    key: () => `${this.src}\n${this.device}`,
    open: (signal) => this.#shown(signal, this.#open(signal)),
    opened: (sampler) => this.#offer(sampler),
    close: (sampler) => sampler.close(),
    draw: (sampler, signal) => this.#shown(signal, this.#draw(sampler, signal)),
  });
  /** Ends the look at a bundle before its model is loaded. */
  #preview = new AbortController();
  #sound: Float32Array | undefined;
  #scheduled = false;
  #removed = false;

  constructor() {
    super();
    this.#view = buildView(this.attachShadow({ mode: 'open' }), {
      run: () => this.#sampleQuietly(),
      cancel: () => this.cancel(),
      sample: () => this.#submit(),
      newSeed: () => {
        this.#view.seed.valueAsNumber = randomSeed();
        this.#submit();
      },
      sound: () => this.#play(),
    });
  }

  /** The model, once it is loaded: everything that can be asked of it. */
  get sampler(): RemoteSampler | undefined {
    return this.#follower.model;
  }
  get state(): ElementState {
    return (this.getAttribute('state') as ElementState | null) ?? 'empty';
  }

  connectedCallback(): void {
    const offline = this.getAttribute('offline');
    if (offline) void keepOffline(offline);
    this.#removed = false;
    this.#schedule();
  }

  /** An element that is moved leaves the page for a moment: what is open stays until it is known to be gone. */
  disconnectedCallback(): void {
    this.#removed = true;
    this.#schedule();
  }

  attributeChangedCallback(name: SamplerAttribute, before: string | null, now: string | null): void {
    if (before === now) return;
    this.#showInBoxes(name);
    if (name === 'src' || name === 'device') this.#schedule();
    else if (name === 'autoload') {
      if (now !== null && this.state === 'poster') this.#sampleQuietly();
    } else if (this.#follower.busy) this.#follower.changed();
    else if (this.sampler && this.isConnected && this.state !== 'empty') this.#sampleQuietly();
  }

  /** Attributes come one by one; what they mean together is looked at once. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.#removed) {
        this.#close('the element was removed');
        this.#setState('empty');
      } else if (this.#follower.busy) this.#follower.changed();
      else if (this.isConnected && (!this.sampler || this.#follower.astray)) void this.#start();
    });
  }

  /** Shows what is known of a bundle before its model is loaded. */
  async #start(): Promise<void> {
    this.#close('the bundle was replaced');
    this.#setState('empty');
    this.#fail('');
    this.#clear();
    this.#view.seed.valueAsNumber = this.seed;
    if (this.src.trim() === '') return;
    const { signal } = this.#preview;
    try {
      const preview = await previewBundle(this.#address(), this.device, signal);
      signal.throwIfAborted();
      this.#view.run.textContent = preview.draws ? 'Run here' : 'Load here';
      this.#view.runNote.textContent = preview.line;
      this.#setState('poster');
      if (this.hasAttribute('autoload')) this.#sampleQuietly();
      else await drawPoster(this.#view.canvas, this.#address(), preview.manifest, signal).catch(() => false);
    } catch (error) {
      if (!signal.aborted) this.#report(error);
    }
  }

  /**
   * Loads the model, if it is not loaded. Attributes that change meanwhile count: the model of the last ones it is.
   * @throws what went wrong, which the element also shows; `cancelled`; that the element was removed.
   */
  load(): Promise<RemoteSampler> {
    this.#preview.abort();
    return this.#follower.load();
  }

  /**
   * Draws samples as the attributes say, and shows them. When attributes change meanwhile it draws again: the promise
   * settles when what is shown is what they say.
   * @throws as `load`.
   */
  sample(): Promise<void> {
    this.#preview.abort();
    return this.#follower.sample();
  }

  #sampleQuietly(): void {
    this.sample().catch(() => undefined);
  }

  async #open(signal: AbortSignal): Promise<RemoteSampler> {
    if (this.src.trim() === '') throw new Error("no model: the element's attribute src is empty");
    this.#setState('loading');
    this.#fail('');
    this.#progress('Loading', 0, 0);
    return loadSampler(this.#address(), {
      device: this.device,
      signal,
      onProgress: (received, total) => {
        const done = total > 0 && received >= total;
        this.#progress(done ? 'Getting ready' : bytesLine(received, total), received, total);
        this.#emit('progress', { phase: 'load', received, total });
      },
    });
  }

  /** Shows what can be asked of a model that is open. */
  #offer(sampler: RemoteSampler): void {
    const { manifest, device, deviceNote, deviceReports, loadMs, downloadBytes } = sampler;
    offerInputs(this.#view, samplingInputs(manifest.programs) ?? {}, manifest.data.classNames);
    for (const name of samplerAttributes) this.#showInBoxes(name);
    this.#setState('ready');
    this.#emit('load', { manifest, device, deviceNote, deviceReports, loadMs, downloadBytes });
  }

  async #draw(sampler: RemoteSampler, signal: AbortSignal): Promise<void> {
    if (samplingInputs(sampler.manifest.programs) === undefined) {
      this.#view.status.textContent = 'This model is loaded; it draws no samples.';
      return;
    }
    const { count, seed } = this;
    this.#setState('sampling');
    this.#fail('');
    this.#progress('Sampling', 0, 0);
    const { data, sampleMs } = await sampler.sample(
      { count, seed, ...this.#conditions(sampler.manifest) },
      { signal },
    );
    signal.throwIfAborted();
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
  }

  /** Stops loading or sampling: who waits for it is told `cancelled`. */
  cancel(): void {
    if (!this.#follower.busy) return;
    this.#follower.cancel(new Error('cancelled'));
    this.#setState(this.sampler ? 'ready' : 'poster');
    this.#view.status.textContent = 'Stopped';
  }

  /** The attributes follow the boxes; what is being drawn is drawn again when they change it. */
  #submit(): void {
    const { form, seed, label, temperature, labelField, temperatureField } = this.#view;
    if (!this.sampler || !form.reportValidity()) return;
    this.#sampleQuietly();
    const temperatureNow = temperature.valueAsNumber;
    const labelNow = label.value === '' ? undefined : Number(label.value);
    this.seed = seed.valueAsNumber;
    if (!labelField.hidden) this.label = labelNow;
    if (!temperatureField.hidden) this.temperature = temperatureNow;
  }

  /** The boxes follow the attributes. */
  #showInBoxes(name: SamplerAttribute): void {
    const { seed, label, temperature } = this.#view;
    if (name === 'seed') seed.valueAsNumber = this.seed;
    if (name === 'label') label.value = String(this.label ?? '');
    if (name === 'temperature' && this.temperature !== undefined)
      temperature.valueAsNumber = this.temperature;
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

  #close(reason: string): void {
    this.#preview.abort();
    this.#preview = new AbortController();
    this.#follower.close(new Error(reason));
    this.#sound = undefined;
  }

  /** An empty picture, so that no samples of another model stay in sight. */
  #clear(): void {
    const { canvas, sound } = this.#view;
    canvas.width = 1;
    canvas.height = 1;
    canvas.setAttribute('aria-label', 'No samples yet');
    sound.hidden = true;
  }

  #play(): void {
    const spec = this.sampler?.manifest.data;
    if (this.#sound && spec?.kind === 'audio') play(this.#sound, spec.sampleRate);
  }

  #setState(state: ElementState): void {
    const { sampler } = this;
    this.setAttribute('state', state);
    const { offer, busy, form, status } = this.#view;
    const focused = this.shadowRoot?.activeElement;
    const isBusy = state === 'loading' || state === 'sampling';
    this.shadowRoot?.firstElementChild?.setAttribute('aria-busy', String(isBusy));
    offer.hidden = state !== 'poster' && !(state === 'failed' && !sampler);
    busy.hidden = !isBusy;
    form.hidden = !sampler || samplingInputs(sampler.manifest.programs) === undefined;
    if (state === 'poster' || isBusy) status.textContent = '';
    // A box that disappears would take the focus with it, and the keyboard back to the top of the page.
    if (!focused?.closest('[hidden]')) return;
    const box = [busy, form, offer].find(({ hidden }) => !hidden);
    box?.querySelector<HTMLElement>('[part~=cancel], [part~=sample], [part~=run]')?.focus();
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

  /** Shows what goes wrong in a step, unless it was told to stop. */
  async #shown<T>(signal: AbortSignal, step: Promise<T>): Promise<T> {
    try {
      return await step;
    } catch (error) {
      if (!signal.aborted) this.#report(error);
      throw error;
    }
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
