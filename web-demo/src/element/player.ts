/** Plays sound on the press of a button. Through Web Audio: a strict policy lets a page play no `blob:` address. */
export class Player {
  readonly #onChange: (playing: boolean) => void;
  #context: AudioContext | null = null;
  #source: AudioBufferSourceNode | null = null;

  /** @param onChange called when playing begins and ends */
  constructor(onChange: (playing: boolean) => void) {
    this.#onChange = onChange;
  }

  /**
   * Plays from the start; a second call while it plays stops it.
   * @param samples in `range`
   * @param range values of full scale, down and up
   */
  toggle(samples: Float32Array, sampleRate: number, [low, high]: readonly [number, number]): void {
    if (this.#source !== null) {
      this.stop();
      return;
    }
    // A context may only start on the visitor's gesture, so it is made here.
    this.#context ??= new AudioContext();
    const buffer = this.#context.createBuffer(1, samples.length, sampleRate);
    buffer.copyToChannel(
      samples.map((value) => (2 * (value - low)) / (high - low) - 1),
      0,
    );
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#context.destination);
    source.onended = () => {
      if (this.#source === source) this.stop();
    };
    source.start();
    this.#source = source;
    this.#onChange(true);
  }

  stop(): void {
    if (this.#source === null) return;
    const source = this.#source;
    this.#source = null;
    source.stop();
    this.#onChange(false);
  }
}
