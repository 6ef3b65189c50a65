import { performance } from 'node:perf_hooks';
import type { Executor, LoadedProgram } from '../../program/executor.ts';
import { downloadAll } from '../../program/executor.ts';
import type { InputSpec } from '../../program/program.ts';
import type { HostTensor } from '../../program/tensor.ts';
import { fillBatch } from './fill-batch.ts';
import type { BatchAnswer, BatchRows, SharedProgram } from './messages.ts';
import { placeBytes } from './shared-memory.ts';

type Outputs = BatchAnswer['outputs'];
interface Kept<T> {
  readonly rows: number;
  readonly tensors: T;
}

/** A program that is compiled in a worker, and the memory of its last run. */
export class WorkerProgram {
  /** What keys its noise. */
  readonly #name: string;
  readonly #inputs: Readonly<Record<string, InputSpec>>;
  readonly #session: LoadedProgram;
  /** Inputs of the last run. */
  #filled: Kept<Record<string, HostTensor>> | null = null;
  /** Outputs of the last run that nobody reads any more: the next run of as many rows fills them again. */
  #free: Kept<Outputs> | null = null;

  private constructor(name: string, inputs: Readonly<Record<string, InputSpec>>, session: LoadedProgram) {
    this.#name = name;
    this.#inputs = inputs;
    this.#session = session;
  }

  /**
   * Compiles a program; nobody needs its bytes after that.
   * @throws with the names of model and program when the device cannot run it.
   */
  static async load(
    executor: Executor,
    model: string,
    program: string,
    { inputs, onnx, weights }: SharedProgram,
  ): Promise<WorkerProgram> {
    const session = await executor.load(`${model}/${program}`, onnx, { weights });
    return new WorkerProgram(program, inputs, session);
  }

  /** Fills and runs one batch. */
  async run(rows: BatchRows): Promise<BatchAnswer> {
    const start = performance.now();
    const { paddedRows } = rows;
    const before = this.#filled?.rows === paddedRows ? this.#filled.tensors : undefined;
    const inputs = fillBatch(this.#name, this.#inputs, rows, before);
    const free = this.#free;
    this.#free = null;
    const run = () => this.#session.run(inputs);
    // Outputs whose shape depends on values do not fit what another run returned.
    const running = free?.rows === paddedRows ? this.#session.run(inputs, free.tensors).catch(run) : run();
    const outputs = await downloadAll(await running);
    this.#filled = bytesOf(inputs) <= placeBytes ? { rows: paddedRows, tensors: inputs } : null;
    return { outputs, runMs: performance.now() - start };
  }

  /** Says that a run's answer was sent, and that its memory may be written to. */
  reuse({ paddedRows: rows }: BatchRows, outputs: Outputs): void {
    if (bytesOf(outputs) <= placeBytes) this.#free = { rows, tensors: outputs };
  }

  async release(): Promise<void> {
    this.#free = null;
    this.#filled = null;
    await this.#session.release();
  }
}

function bytesOf(tensors: Outputs): number {
  return Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0);
}
