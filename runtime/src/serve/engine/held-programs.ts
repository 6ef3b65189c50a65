import type { LoadedProgramCount } from './engine.ts';
import type { LoadedModel } from './loaded-model.ts';
import type { SharedProgram } from './messages.ts';

/** A program of a model, as workers call it. */
interface ProgramId {
  readonly model: number;
  readonly program: string;
}

interface Held extends ProgramId {
  readonly of: LoadedModel;
  readonly bytes: number;
  /** Fulfilled when it is compiled; rejects as the worker did. */
  readonly loading: Promise<unknown>;
}

/** Of a session without weights, bytes: measured on programs of a few nodes. */
const leastBytes = 2 ** 18;

/** The programs that one worker has compiled, the last used last, within a limit of memory. */
export class HeldPrograms {
  readonly #limit: number;
  readonly #held = new Map<string, Held>();
  #bytes = 0;

  /** @param limit of the memory that they take, about, bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Notes that a program is used now. @returns when it is compiled; undefined where it is not there */
  use(model: LoadedModel, program: string): Promise<unknown> | undefined {
    const key = keyOf({ model: model.id, program });
    const held = this.#held.get(key);
    if (held === undefined) return undefined;
    this.#held.delete(key);
    this.#held.set(key, held);
    return held.loading;
  }

  /** Takes out programs until another one has room, those first that were not used for longest. @returns them */
  makeRoom(shared: SharedProgram): readonly ProgramId[] {
    const bytes = sessionBytes(shared);
    const gone: ProgramId[] = [];
    for (const held of this.#held.values()) {
      if (this.#bytes + bytes <= this.#limit) break;
      this.#take(held);
      gone.push(held);
    }
    return gone;
  }

  add(model: LoadedModel, program: string, loading: Promise<unknown>): void {
    const bytes = sessionBytes(model.programs[program]!);
    const held: Held = { of: model, model: model.id, program, bytes, loading };
    this.#held.set(keyOf(held), held);
    this.#bytes += bytes;
  }

  /** @param loading the attempt that failed: a later one stays */
  removeFailed(loading: Promise<unknown>): void {
    for (const held of this.#held.values()) if (held.loading === loading) this.#take(held);
  }

  /** @returns what there was of the model */
  removeModel(model: LoadedModel): readonly ProgramId[] {
    const gone = [...this.#held.values()].filter(({ of }) => of === model);
    for (const held of gone) this.#take(held);
    return gone;
  }

  clear(): void {
    this.#held.clear();
    this.#bytes = 0;
  }

  /** What several workers have, by program. */
  static count(all: readonly HeldPrograms[]): LoadedProgramCount[] {
    const counts = new Map<string, LoadedProgramCount>();
    for (const held of all.flatMap((each) => [...each.#held.values()])) {
      const { of, program, bytes } = held;
      const { workers = 0, bytes: sum = 0 } = counts.get(keyOf(held)) ?? {};
      counts.set(keyOf(held), {
        ...{ model: of.name, version: of.version, program },
        ...{ workers: workers + 1, bytes: sum + bytes },
      });
    }
    return [...counts.values()];
  }

  #take(held: Held): void {
    this.#held.delete(keyOf(held));
    this.#bytes -= held.bytes;
  }
}

/**
 * What a compiled program takes, about: its weights, and those of them once more that onnxruntime lays out in another way.
 * 20 VAEs of 9.7 MB took 14.3 MB each.
 */
function sessionBytes({ onnx, weights }: SharedProgram): number {
  const files = Object.values(weights).reduce((sum, { length }) => sum + length, onnx.length);
  return leastBytes + 2 * files;
}

function keyOf({ model, program }: ProgramId): string {
  return `${model} ${program}`;
}
