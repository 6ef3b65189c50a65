import { performance } from 'node:perf_hooks';
import type { Executor, LoadedProgram } from '../../program/executor.ts';
import { downloadAll } from '../../program/executor.ts';
import type { HostTensor } from '../../program/tensor.ts';
import { fillBatch } from './fill-batch.ts';
import type { BatchAnswer, BatchRows, SharedProgram } from './messages.ts';
import { placeBytes } from './shared-memory.ts';

type Outputs = BatchAnswer['outputs'];

/** A model within a worker: its programs, compiled when they are first used or all ahead. */
export class WorkerModel {
  readonly #name: string;
  readonly #inputs: Readonly<Record<string, SharedProgram['inputs']>>;
  /** Of programs that are not compiled yet. */
  readonly #bytes: Map<string, SharedProgram>;
  readonly #executor: Executor;
  readonly #loaded = new Map<string, LoadedProgram>();
  /** Inputs of a program's last run. */
  readonly #filled = new Map<
    string,
    { readonly rows: number; readonly inputs: Record<string, HostTensor> }
  >();
  /** Outputs of a program's last run that nobody reads any more: the next run of as many rows fills them again. */
  readonly #free = new Map<string, { readonly rows: number; readonly outputs: Outputs }>();

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
    const filled = this.#filled.get(program);
    const before = filled?.rows === rows.paddedRows ? filled.inputs : undefined;
    const inputs = fillBatch(program, this.#inputs[program]!, rows, before);
    const free = this.#free.get(program);
    this.#free.delete(program);
    const run = () => loaded.run(inputs);
    // Outputs whose shape depends on values do not fit what another run returned.
    const running = free?.rows === rows.paddedRows ? loaded.run(inputs, free.outputs).catch(run) : run();
    const outputs = await downloadAll(await running);
    if (bytesOf(inputs) <= placeBytes) this.#filled.set(program, { rows: rows.paddedRows, inputs });
    else this.#filled.delete(program);
    return { outputs, runMs: performance.now() - start };
  }

  /** Says that a run's answer was sent, and that its memory may be written to. */
  reuse(program: string, { paddedRows: rows }: BatchRows, outputs: Outputs): void {
    if (bytesOf(outputs) <= placeBytes) this.#free.set(program, { rows, outputs });
  }

  async release(): Promise<void> {
    for (const program of this.#loaded.values()) await program.release();
    this.#loaded.clear();
    this.#free.clear();
    this.#filled.clear();
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

function bytesOf(tensors: Outputs): number {
  return Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0);
}
