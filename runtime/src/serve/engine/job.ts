import { type DType, type HostTensor, sizeOf } from '../../program/tensor.ts';
import type { AcceptedRows } from './accept.ts';
import type { ServeError } from './engine.ts';
import type { LoadedModel } from './loaded-model.ts';
import type { MemoryPool } from './memory-pool.ts';

/** Consecutive rows of a job that run together. */
export interface Piece {
  readonly job: Job;
  /** First row, counted within the job. */
  readonly start: number;
  readonly count: number;
  /** Whether a worker has already died with it. */
  readonly retried: boolean;
}

/** An accepted request: which rows were handed out, what came back. */
export class Job {
  readonly model: LoadedModel;
  readonly program: string;
  readonly rows: AcceptedRows;
  readonly arrivedAt: number;
  readonly outputs: Record<string, HostTensor> = {};
  /** Rows that were handed out. */
  taken = 0;
  /** When the first rows began to run; null before. */
  startedAt: number | null = null;
  /** Rows of the largest batch that it was part of. */
  batchRows = 0;
  settled = false;
  #done = 0;
  readonly #onSettled: (job: Job, error: ServeError | null) => void;

  /** @param onSettled called once: with null when all rows are there, else with what went wrong */
  constructor(
    model: LoadedModel,
    program: string,
    rows: AcceptedRows,
    arrivedAt: number,
    onSettled: (job: Job, error: ServeError | null) => void,
  ) {
    this.model = model;
    this.program = program;
    this.rows = rows;
    this.arrivedAt = arrivedAt;
    this.#onSettled = onSettled;
  }

  /** Rows that wait to be handed out. */
  get waiting(): number {
    return this.rows.count - this.taken;
  }

  take(count: number): Piece {
    const start = this.taken;
    this.taken += count;
    return { job: this, start, count, retried: false };
  }

  /**
   * Takes over the rows of a piece from a run's outputs.
   * @param offset where the piece begins in the run
   * @param rows rows of the run
   * @param memory for the outputs of a request that is not alone in the run
   * @returns whether the run's outputs are the request's now, as they are
   */
  deliver(
    { start, count }: Piece,
    outputs: Readonly<Record<string, HostTensor>>,
    { offset, rows, memory }: { readonly offset: number; readonly rows: number; readonly memory: MemoryPool },
  ): boolean {
    if (this.settled) return false;
    const whole = count === rows && count === this.rows.count;
    for (const [name, { dtype, shape, data }] of Object.entries(outputs)) {
      const rest = shape.slice(1);
      const size = sizeOf(rest);
      const total = [this.rows.count, ...rest];
      // An output of this request alone is passed on as it is; slices of a shared one are copied, or they would keep the
      // whole batch in memory.
      if (whole) {
        this.outputs[name] = { dtype, shape: total, data } as HostTensor;
        continue;
      }
      const piece = data.subarray(offset * size, (offset + count) * size);
      this.outputs[name] ??= {
        dtype,
        shape: total,
        data: valuesIn(memory, dtype, this.rows.count * size),
      } as HostTensor;
      this.outputs[name].data.set(piece, start * size);
    }
    this.#done += count;
    if (this.#done === this.rows.count) this.settle(null);
    return whole;
  }

  /** Ends the job. Only the first call counts. */
  settle(error: ServeError | null): void {
    if (this.settled) return;
    this.settled = true;
    this.#onSettled(this, error);
  }
}

/** Room for values, with anything in it. */
function valuesIn(memory: MemoryPool, dtype: DType, size: number): HostTensor['data'] {
  if (dtype === 'bool') return new Uint8Array(memory.take(size));
  const buffer = memory.take(4 * size);
  return dtype === 'int32' ? new Int32Array(buffer) : new Float32Array(buffer);
}
