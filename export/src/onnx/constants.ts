import type { OnnxDType } from './lowering.ts';
import type { Initializer } from './proto.ts';
import { transposed } from './rearrange.ts';

/** Names that a whole model shares: every tensor of the graph and of its subgraphs has a name of its own. */
export class NameSource {
  readonly #taken: Set<string>;
  #next = 0;

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  /** A name that nothing else has: the hint and a number. */
  fresh(hint: string): string {
    for (;;) {
      const name = `${hint}_${this.#next++}`;
      if (!this.#taken.has(name)) return name;
    }
  }
}

/** Bytes of the longest constants that are compared with the ones already there; longer ones are taken to differ. */
const comparedBytes = 512;

/** The constants of a model, those of its loops included, which are all written in the outermost graph. */
export class Constants {
  readonly #names: NameSource;
  readonly #initializers = new Map<string, Initializer>();
  /** Small constants by type, shape and content, and rearranged ones by what they were made of and how. */
  readonly #known = new Map<string, string>();
  readonly #used = new Set<string>();

  constructor(names: NameSource) {
    this.#names = names;
  }

  /** The name of a constant; small equal ones share one. */
  add(dtype: OnnxDType, shape: readonly number[], raw: Uint8Array, turnedFrom?: Uint8Array): string {
    const add = () => {
      const name = this.#names.fresh('const');
      this.#initializers.set(name, { name, dtype, shape, raw, ...(turnedFrom && { turnedFrom }) });
      return name;
    };
    const values = raw.byteLength <= comparedBytes ? raw.join() : null;
    return values === null ? add() : this.#once(`${dtype} ${shape} ${values}`, add);
  }

  /** Tells that nodes read these tensors, constants among them. */
  use(names: readonly string[]): void {
    for (const name of names) if (this.#initializers.has(name)) this.#used.add(name);
  }

  /** The constants that nodes read: what was only there to be rearranged is left out. */
  used(): Initializer[] {
    return [...this.#initializers.values()].filter(({ name }) => this.#used.has(name));
  }

  /**
   * A constant with its axes in another order: weights are rearranged once, when written, which other runtimes than
   * onnxruntime would do in every run, or refuse. Undefined for what is no constant.
   */
  transposed(name: string, perm: readonly number[]): string | undefined {
    const tensor = this.#initializers.get(name);
    if (tensor === undefined) return undefined;
    return this.#once(`${name} transposed ${perm}`, () => {
      const { shape, raw } = transposed(tensor, perm);
      return this.add(tensor.dtype, shape, raw, tensor.raw);
    });
  }

  /** A constant in another shape of as many values; undefined for what is no constant. */
  reshaped(name: string, shape: readonly number[]): string | undefined {
    const tensor = this.#initializers.get(name);
    if (tensor === undefined) return undefined;
    return this.#once(`${name} reshaped ${shape}`, () => this.add(tensor.dtype, shape, tensor.raw));
  }

  #once(key: string, make: () => string): string {
    let name = this.#known.get(key);
    if (name === undefined) {
      name = make();
      this.#known.set(key, name);
    }
    return name;
  }
}
