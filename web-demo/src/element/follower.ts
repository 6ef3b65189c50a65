/** What a follower does for its element. Each step stops when its signal says so. */
export interface FollowerSteps<Model> {
  /** Names what is to be open: a model that was opened under another name is closed and opened anew. */
  key(): string;
  open(signal: AbortSignal): Promise<Model>;
  /** Called when a model is open, and before samples are drawn from it. */
  opened(model: Model): void;
  close(model: Model): void;
  /** Draws what is asked for at that moment. */
  draw(model: Model, signal: AbortSignal): Promise<void>;
}

/** Why an attempt is given up: what is asked for has changed, and the next attempt serves it. */
const overtaken = new Error('overtaken');

/**
 * Opens a model and draws with it, as its owner's state says, which may change at any moment: then what is under way
 * is given up and done again for the new state. So the last state wins, and all who wait are answered together, when
 * it is shown.
 */
export class Follower<Model> {
  readonly #steps: FollowerSteps<Model>;
  #open: { readonly model: Model; readonly key: string } | undefined;
  #work: Promise<Model> | undefined;
  #wanted: 'model' | 'samples' = 'model';
  #attempt = new AbortController();
  /** The key that is being opened; nothing while nothing is, or while samples are drawn. */
  #opening: string | undefined;
  #drawing = false;

  constructor(steps: FollowerSteps<Model>) {
    this.#steps = steps;
  }

  /** The model, once it is open. */
  get model(): Model | undefined {
    return this.#open?.model;
  }

  /** Whether somebody waits for a model or for samples. */
  get busy(): boolean {
    return this.#work !== undefined;
  }

  /** Opens the model. @throws what went wrong, or the reason of `cancel` or `close`. */
  load(): Promise<Model> {
    const { model } = this;
    const current = model !== undefined && this.#open?.key === this.#steps.key();
    if (current && !this.busy) return Promise.resolve(model);
    return this.#start();
  }

  /** Draws samples, with the model opened first. @throws as `load`. */
  async sample(): Promise<void> {
    this.#wanted = 'samples';
    await this.#start();
  }

  /** To be called when what is asked for has changed. Where nothing is under way, nothing happens. */
  changed(): void {
    const stale = this.#opening !== undefined && this.#opening !== this.#steps.key();
    if (stale || this.#drawing) this.#attempt.abort(overtaken);
  }

  /** Whether another model is open than the one that is asked for. */
  get astray(): boolean {
    return this.#open !== undefined && this.#open.key !== this.#steps.key();
  }

  /** Gives up what is under way; who waits is told the reason. The model stays open. */
  cancel(reason: Error): void {
    this.#attempt.abort(reason);
  }

  /** Gives up what is under way, and closes the model. */
  close(reason: Error): void {
    this.cancel(reason);
    this.#close();
  }

  #close(): void {
    const { model } = this;
    this.#open = undefined;
    if (model !== undefined) this.#steps.close(model);
  }

  #start(): Promise<Model> {
    if (this.#work === undefined) {
      this.#attempt = new AbortController();
      this.#work = this.#run().finally(() => {
        this.#work = undefined;
        this.#wanted = 'model';
      });
    }
    return this.#work;
  }

  async #run(): Promise<Model> {
    await Promise.resolve(); // attributes that are set one after the other are looked at together
    for (;;) {
      const { signal } = this.#attempt;
      try {
        signal.throwIfAborted();
        const model = await this.#opened(signal);
        if (this.#wanted === 'samples') {
          this.#drawing = true;
          await this.#steps.draw(model, signal);
          signal.throwIfAborted();
        }
        return model;
      } catch (error) {
        if (signal.reason !== overtaken) throw error;
        this.#attempt = new AbortController();
      } finally {
        this.#drawing = false;
      }
    }
  }

  async #opened(signal: AbortSignal): Promise<Model> {
    const key = this.#steps.key();
    if (this.#open?.key === key) return this.#open.model;
    this.#close();
    this.#opening = key;
    try {
      const model = await this.#steps.open(signal);
      if (signal.aborted) this.#steps.close(model);
      signal.throwIfAborted();
      this.#open = { model, key };
      this.#steps.opened(model);
      return model;
    } finally {
      this.#opening = undefined;
    }
  }
}
