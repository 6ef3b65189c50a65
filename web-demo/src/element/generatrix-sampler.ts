import type { DeviceRequest } from '@generatrix/runtime/web';
import { formatBytes, formatTime } from '../report.ts';
import { ask } from './client.ts';
import { elementStyle } from './element-style.ts';
import { Player } from './player.ts';
import type { Description, Drawn, Loaded } from './protocol.ts';
import { showSamples } from './show-samples.ts';

export { loadSampler, type PageSampler } from './client.ts';

const template = `
<figure part="figure">
  <div class="stage" part="stage">
    <img part="poster" alt="" hidden>
    <canvas part="canvas" role="img" hidden></canvas>
  </div>
  <progress part="progress" aria-label="Download" hidden></progress>
  <div class="row" part="controls">
    <button part="button" type="button" disabled>Draw samples</button>
    <button part="play" type="button" hidden>Play</button>
    <button part="cancel" type="button" hidden>Cancel</button>
    <span class="badge" part="badge" hidden></span>
  </div>
  <p part="status" role="status"></p>
</figure>`;

/** Download of onnxruntime's WASM, as servers send it (gzip), for the size that is stated before it starts. */
const engineBytes = { wasm: 3_700_000, webgpu: 4_100_000 };
const deviceNames: Readonly<Record<string, string>> = { wasm: 'WASM', webgpu: 'WebGPU' };

/**
 * `<generatrix-sampler src count seed device label temperature load>`: samples of a model, drawn on the visitor's
 * device. `load="click"` waits for the button; else the model loads when the element comes into view. Events:
 * `generatrix-load`, `generatrix-progress`, `generatrix-sample`, `generatrix-error`, each with a `detail`.
 */
export class GeneratrixSampler extends HTMLElement {
  static readonly observedAttributes = ['src', 'count', 'seed', 'device', 'label', 'temperature'];

  readonly #root: ShadowRoot;
  #description: Description | null = null;
  #loaded: Loaded | null = null;
  #last: Drawn | null = null;
  #task: AbortController | null = null;
  #observer: IntersectionObserver | null = null;
  /** Counts what `src` and `device` were set to: an answer about an older model is dropped. */
  #generation = 0;
  readonly #player = new Player((playing) => {
    this.#part('play').textContent = playing ? 'Stop' : 'Play';
  });

  constructor() {
    super();
    this.#root = this.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(elementStyle);
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.innerHTML = template;
    this.#part('button').addEventListener('click', () => void this.draw(null));
    this.#part('cancel').addEventListener('click', () => this.cancel());
    this.#part('play').addEventListener('click', () => this.#play());
  }

  get src(): string {
    return this.getAttribute('src') ?? '';
  }
  set src(value: string) {
    this.setAttribute('src', value);
  }
  get count(): number {
    return this.#number('count') ?? 16;
  }
  set count(value: number) {
    this.setAttribute('count', String(value));
  }
  /** The seed of the first samples; null draws a random one. */
  get seed(): number | null {
    return this.#number('seed');
  }
  set seed(value: number | null) {
    if (value === null) this.removeAttribute('seed');
    else this.setAttribute('seed', String(value));
  }
  get device(): DeviceRequest {
    return (this.getAttribute('device') ?? 'auto') as DeviceRequest;
  }
  set device(value: DeviceRequest) {
    this.setAttribute('device', value);
  }
  get label(): number | null {
    return this.#number('label');
  }
  get temperature(): number | null {
    return this.#number('temperature');
  }
  /** What was drawn last: samples [n, ...shape] in the data's own range, and their seed. */
  get samples(): Drawn | null {
    return this.#last;
  }

  connectedCallback(): void {
    if (this.#description === null) void this.#describe();
  }

  disconnectedCallback(): void {
    this.cancel();
    this.#player.stop();
    this.#observer?.disconnect();
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (!this.isConnected || before === now) return;
    if (name !== 'src' && name !== 'device') {
      if (this.#loaded !== null) void this.draw(this.seed);
      return;
    }
    this.cancel();
    [this.#description, this.#loaded, this.#last] = [null, null, null];
    void this.#describe();
  }

  /** Stops the download or the drawing that is going on. */
  cancel(): void {
    this.#task?.abort();
  }

  /**
   * Draws samples, loading the model first when it is not.
   * @param seed null draws a random one
   * @returns what was drawn, or null when it was cancelled or failed; the element says why
   */
  async draw(seed: number | null = this.seed): Promise<Drawn | null> {
    this.cancel();
    const task = new AbortController();
    this.#task = task;
    const model = { src: this.#address(), device: this.device };
    const started = performance.now();
    this.#busy(true);
    try {
      if (this.#loaded === null) await this.#load(model, task.signal);
      const { count, label, temperature } = this;
      this.#say(`Drawing ${count === 1 ? 'one sample' : `${count} samples`}`);
      const drawn = await ask(
        'draw',
        {
          ...model,
          count,
          ...(seed === null ? {} : { seed }),
          ...(label === null ? {} : { label }),
          ...(temperature === null ? {} : { scalars: { temperature } }),
        },
        { signal: task.signal },
      );
      this.#show(drawn, performance.now() - started);
      return drawn;
    } catch (error) {
      if (task.signal.aborted) this.#say('Cancelled');
      else this.#fail(error);
      return null;
    } finally {
      if (this.#task === task) {
        this.#task = null;
        this.#busy(false);
      }
    }
  }

  async #load(model: { src: string; device: DeviceRequest }, signal: AbortSignal): Promise<void> {
    this.#say('Loading');
    const onProgress = (received: number, total: number) => {
      const bar = this.#part<HTMLProgressElement>('progress');
      bar.hidden = false;
      if (total > 0) [bar.max, bar.value] = [total, received];
      else bar.removeAttribute('value');
      this.#say(
        total > 0 ? `${formatBytes(received)} of ${formatBytes(total)}` : `${formatBytes(received)} received`,
      );
      this.#tell('progress', { received, total });
    };
    const loaded = await ask('load', model, { signal, onProgress });
    this.#loaded = loaded;
    const badge = this.#part('badge');
    badge.hidden = false;
    badge.textContent = deviceNames[loaded.device] ?? loaded.device;
    if (loaded.parityError !== null) badge.textContent += `, error ${loaded.parityError.toExponential(0)}`;
    badge.title =
      loaded.parityError === null
        ? 'The bundle carries no reference to check this device with'
        : 'Largest difference from the reference outputs in the bundle, relative to their scale';
    this.#tell('load', loaded);
  }

  async #describe(): Promise<void> {
    const generation = ++this.#generation;
    if (this.src === '') {
      this.#fail(new Error('the attribute src is missing: expected the address of a bundle'));
      return;
    }
    this.#part('canvas').hidden = true;
    this.#part('badge').hidden = true;
    this.#say('');
    try {
      const description = await ask('describe', { src: this.#address() });
      if (generation !== this.#generation) return;
      this.#description = description;
      this.#showPoster(description);
    } catch (error) {
      if (generation === this.#generation) this.#fail(error);
      return;
    }
    this.#busy(false);
    if (this.getAttribute('load') === 'click') return;
    this.#observer?.disconnect();
    this.#observer = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      this.#observer?.disconnect();
      void this.draw();
    });
    this.#observer.observe(this);
  }

  #showPoster({ manifest, poster, modelBytes }: Description): void {
    const image = this.#part<HTMLImageElement>('poster');
    const shown = poster !== null && manifest.data.kind !== 'audio';
    image.hidden = !shown;
    if (shown) image.src = poster;
    image.alt = `Samples of ${manifest.name}, drawn when it was exported`;
    const engine = this.device === 'webgpu' ? engineBytes.webgpu : engineBytes.wasm;
    this.#say(
      `${manifest.name}: ${formatBytes(modelBytes)} of model and about ${formatBytes(engine)} of engine to download, once`,
    );
  }

  #show(drawn: Drawn, totalMs: number): void {
    this.#last = drawn;
    const spec = this.#description!.manifest.data;
    const canvas = this.#part<HTMLCanvasElement>('canvas');
    canvas.hidden = false;
    this.#part('poster').hidden = true;
    this.#player.stop();
    this.#part('play').hidden = spec.kind !== 'audio';
    showSamples(canvas, drawn.data, spec);
    const count = drawn.data.shape[0]!;
    const samples = count === 1 ? 'One sample' : `${count} samples`;
    canvas.setAttribute(
      'aria-label',
      `${samples} of ${this.#description!.manifest.name}, seed ${drawn.seed}`,
    );
    this.#part('button').textContent = 'New samples';
    this.#say(`${samples}, seed ${drawn.seed}, in ${formatTime(drawn.sampleMs)}`);
    this.#tell('sample', { ...drawn, totalMs });
  }

  #play(): void {
    const spec = this.#description?.manifest.data;
    if (this.#last === null || spec?.kind !== 'audio') return;
    this.#player.toggle(this.#last.data.data as Float32Array, spec.sampleRate, spec.range);
  }

  #busy(busy: boolean): void {
    this.setAttribute('aria-busy', String(busy));
    this.#part<HTMLButtonElement>('button').disabled = busy;
    this.#part('cancel').hidden = !busy;
    if (!busy) this.#part('progress').hidden = true;
  }

  #fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#busy(false);
    this.#part<HTMLButtonElement>('button').disabled = this.#description === null;
    this.#say(message, true);
    this.#tell('error', { message });
  }

  #say(line: string, isError = false): void {
    const status = this.#part('status');
    status.textContent = line;
    status.classList.toggle('error', isError);
  }

  #tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(`generatrix-${name}`, { detail, bubbles: true, composed: true }));
  }

  #part<T extends HTMLElement>(name: string): T {
    return this.#root.querySelector<T>(`[part="${name}"]`)!;
  }

  #address(): string {
    return new URL(this.src, document.baseURI).href;
  }

  #number(name: string): number | null {
    const text = this.getAttribute(name);
    return text === null || text === '' || !Number.isFinite(Number(text)) ? null : Number(text);
  }
}

if (customElements.get('generatrix-sampler') === undefined) {
  customElements.define('generatrix-sampler', GeneratrixSampler);
}
