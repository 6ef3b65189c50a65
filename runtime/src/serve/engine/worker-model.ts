import { performance } from 'node:perf_hooks';
import type { Executor, LoadedProgram } from '../../program/executor.ts';
import { downloadAll } from '../../program/executor.ts';
import { fillBatch } from './fill-batch.ts';
import type { BatchAnswer, BatchRows, SharedProgram } from './messages.ts';

/** A model within a worker: its programs, compiled when they are first used or all ahead. */
export class WorkerModel {
  readonly #name: string;
  readonly #programs: Readonly<Record<string, SharedProgram>>;
  readonly #executor: Executor;
  readonly #loaded = new Map<string, LoadedProgram>();

  constructor(name: string, programs: Readonly<Record<string, SharedProgram>>, executor: Executor) {
    this.#name = name;
    this.#programs = programs;
    this.#executor = executor;
  }

  /** Compiles all programs. @throws with the name of the one that the device cannot run. */
  async prepare(): Promise<void> {
    for (const program of Object.keys(this.#programs)) await this.#load(program);
  }

  /** Fills and runs one batch. */
  async run(program: string, rows: BatchRows): Promise<BatchAnswer> {
    const loaded = this.#loaded.get(program) ?? (await this.#load(program));
    const start = performance.now();
    const inputs = fillBatch(program, this.#programs[program]!.inputs, rows);
    const outputs = await downloadAll(await loaded.run(inputs));
    return { outputs, runMs: performance.now() - start };
  }

  async release(): Promise<void> {
    for (const program of this.#loaded.values()) await program.release();
    this.#loaded.clear();
  }

  async #load(program: string): Promise<LoadedProgram> {
    const known = this.#loaded.get(program);
    if (known) return known;
    const shared = this.#programs[program]!;
    // onnxruntime takes no program from shared memory, but it does take weights.
    const onnx = new Uint8Array(shared.onnx).slice();
    const files = Object.entries(shared.weights).map(
      ([file, bytes]) => [file, new Uint8Array(bytes)] as const,
    );
    const weights = Object.fromEntries(files);
    const loaded = await this.#executor.load(`${this.#name}/${program}`, onnx, { weights });
    this.#loaded.set(program, loaded);
    return loaded;
  }
}
