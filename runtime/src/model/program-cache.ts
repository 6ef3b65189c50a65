import type { Bundle, ReadOptions } from '../bundle/bundle.ts';
import { loadProgram } from '../bundle/signature-check.ts';
import type { Executor, LoadedProgram } from '../program/executor.ts';

/** Compiled programs by name. One that fails to load is forgotten, so that it can be tried again. */
export class ProgramCache {
  readonly #bundle: Bundle;
  readonly #executor: Executor;
  readonly #loaded = new Map<string, Promise<LoadedProgram>>();
  #released = false;

  constructor(bundle: Bundle, executor: Executor) {
    this.#bundle = bundle;
    this.#executor = executor;
  }

  async get(name: string, options?: ReadOptions): Promise<LoadedProgram> {
    if (this.#released) throw new Error(`the sampler of ${this.#bundle.manifest.name} was released`);
    const known = this.#loaded.get(name);
    if (known !== undefined) return known;
    const loading = this.#load(name, options);
    this.#loaded.set(name, loading);
    loading.catch(() => this.#loaded.delete(name));
    return loading;
  }

  async #load(name: string, options?: ReadOptions): Promise<LoadedProgram> {
    return loadProgram(this.#bundle, this.#executor, name, options);
  }

  async release(): Promise<void> {
    this.#released = true;
    const programs = await Promise.allSettled(this.#loaded.values());
    this.#loaded.clear();
    for (const program of programs) if (program.status === 'fulfilled') await program.value.release();
  }
}
