import { performance } from 'node:perf_hooks';
import type { Executor, LoadedProgram } from '../../program/executor.ts';
import { downloadAll } from '../../program/executor.ts';
import { fillBatch } from './fill-batch.ts';
import type { BatchAnswer, BatchRows, SharedProgram } from './messages.ts';

/** A model within a worker: its programs, compiled when they are first used or all ahead. */
export class WorkerModel {
  readonly #name: string;
  readonly #inputs: Readonly<Record<string, SharedProgram['inputs']>>;
  /** Of programs that are not compiled yet. */
  readonly #bytes: Map<string, SharedProgram>;
  readonly #executor: Executor;
  readonly #loaded = new Map<string, LoadedProgram>();

  constructor(name: string, programs: Readonly<Record<string, SharedProgram>>, executor: Executor) {
    this.#name = name;
    const entries = Object.entries(programs);
    this.#inputs = Object.fromEntries(entries.map(([program, { inputs }]) => [program, inputs]));
    this.#bytes = new Map(entries);
    this.#executor = executor;
  }

  /** Compiles all programs. @throws with the name of the one that the device cannot run. */
  async prepareAll(): Promise<void> {
    for (const program of Object.keys(this.#inputs)) await this.prepare(program);
  }

  /** Fills and runs one batch. */
  async run(program: string, rows: BatchRows): Promise<BatchAnswer> {
    const loaded = this.#loaded.get(program) ?? (await this.prepare(program));
    const start = performance.now();
    const inputs = fillBatch(program, this.#inputs[program]!, rows);
    const outputs = await downloadAll(await loaded.run(inputs));
    return { outputs, runMs: performance.now() - start };
  }

  async release(): Promise<void> {
    for (const program of this.#loaded.values()) await program.release();
    this.#loaded.clear();
  }

  /** Compiles a program if it is not yet. */
  async prepare(program: string): Promise<LoadedProgram> {
    const known = this.#loaded.get(program);
    if (known) return known;
    const { onnx, weights } = this.#bytes.get(program)!;
    const loaded = await this.#executor.load(`${this.#name}/${program}`, onnx, { weights });
    this.#loaded.set(program, loaded);
    // The session has a copy.
    this.#bytes.delete(program);
    return loaded;
  }
}
