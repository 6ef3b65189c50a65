import { performance } from 'node:perf_hooks';
import { messageOf } from '../../errors.ts';
import { ServeError } from './engine.ts';
import type { Job, Piece } from './job.ts';
import type { LoadedModel } from './loaded-model.ts';
import { giveBack, type MemoryPool } from './memory-pool.ts';
import type { BatchAnswer, BatchRows, Values } from './messages.ts';
import type { Slot, WorkerPool } from './pool.ts';
import type { Batch, Queues } from './queues.ts';
import { WorkerDied } from './worker-handle.ts';

/**
 * Runs are filled up to a multiple of this, so that answers are the same to the last bit whoever shares the batch.
 * onnxruntime's kernels take values in groups of 4 and compute what is left over by another formula: without, the last
 * bits of some densities depended on the number of rows (measured on x86-64, one thread, batches of 1 to 64: a mixture's
 * density at 1 row, NADE's at sizes that are no multiples of 4). With it, no program of the families measured (mixture,
 * VAE, MADE, NADE, Real NVP; WaveNet by size only) depended on the batch's size or on a row's place in it. Two cases
 * remain, both in the last bit: a reduction over a trailing axis whose length is no multiple of 4, and more than one
 * thread for each worker, where the threads' shares end anywhere.
 */
const rowMultiple = 4;
/** Programs quicker than this are handed out one batch ahead, since a worker would idle while the next one is on its way. */
const quickMs = 20;

interface InFlight {
  readonly batch: Batch;
  /** When it began to run; null while another one is before it in the worker. */
  startedAt: number | null;
}

export interface DispatchOptions {
  readonly pool: Pick<WorkerPool, 'slots' | 'alive' | 'run'>;
  readonly queues: Queues;
  readonly batchLimit: (job: Job) => number;
  /** Whether a worker may have a model. */
  readonly runsIn: (model: string, slot: number) => boolean;
  /** Of answers. */
  readonly memory: MemoryPool;
  /** A job's first rows begin to run. */
  readonly onStarted: (job: Job, batchRows: number) => void;
  /** A batch of a model has run. */
  readonly onRan: (model: LoadedModel, program: string, rows: number, runMs: number) => void;
  /** A model's run has come to its end; or it has ended its worker, for the reason given. */
  readonly onEnded: (model: LoadedModel, died: string | null) => void;
}

/** Hands batches to workers, and their answers to the jobs. */
export class Dispatcher {
  readonly #options: DispatchOptions;
  readonly #inFlight: readonly InFlight[][];
  /** Milliseconds of a run, by program, a moving average. */
  readonly #runMs = new Map<string, number>();
  #msPerRow = 1;
  #pumping = false;

  constructor(options: DispatchOptions) {
    this.#options = options;
    this.#inFlight = options.pool.slots.map(() => []);
  }

  /** Batches in workers. */
  get running(): number {
    return this.#inFlight.reduce((sum, { length }) => sum + length, 0);
  }

  /** When what waits now should be done, seconds, from 1 to 60. */
  retryAfterSeconds(): number {
    const ms = (this.#options.queues.rows * this.#msPerRow) / Math.max(1, this.#options.pool.alive);
    return Math.min(60, Math.max(1, Math.ceil(ms / 1000)));
  }

  /** Hands out what waits, once all requests of this turn of the event loop have arrived. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#handOut();
    });
  }

  #handOut(): void {
    const { pool, queues, runsIn } = this.#options;
    const now = performance.now();
    const alive = pool.slots.filter(({ worker }) => worker !== null);
    for (const slot of alive) {
      if (queues.rows === 0) return;
      if (this.#inFlight[slot.index]!.length > 0) continue;
      const batch = queues.next(now, (model) => runsIn(model, slot.index));
      if (!batch) continue;
      this.#send(slot, batch);
    }
    for (const slot of alive) {
      const [running, ahead] = this.#inFlight[slot.index]!;
      if (!running || ahead || !this.#isQuick(running.batch.pieces[0]!.job)) continue;
      if (now - running.startedAt! > quickMs) continue; // something holds it up
      const batch = queues.nextFull(
        now,
        (job) => this.#isQuick(job),
        (model) => runsIn(model, slot.index),
      );
      if (!batch) continue;
      this.#send(slot, batch);
    }
  }

  #send(slot: Slot, batch: Batch): void {
    const { pool, batchLimit, memory } = this.#options;
    const { job } = batch.pieces[0]!;
    const flight: InFlight = { batch, startedAt: null };
    const line = this.#inFlight[slot.index]!;
    line.push(flight);
    if (line.length === 1) this.#start(flight);
    const multiple = Math.min(rowMultiple, batchLimit(job));
    const paddedRows = Math.ceil(batch.rows / multiple) * multiple;
    pool.run(slot, job.model, job.program, batchRows(batch, paddedRows)).then(
      (answer) => {
        line.splice(line.indexOf(flight), 1);
        if (line[0]?.startedAt === null) this.#start(line[0]);
        this.#options.onEnded(job.model, null);
        this.#options.onRan(job.model, job.program, batch.rows, answer.runMs);
        this.#learn(batch, answer.runMs);
        this.#handOut();
        deliver(batch, paddedRows, answer, memory);
      },
      (error: unknown) => {
        line.splice(line.indexOf(flight), 1);
        if (error instanceof WorkerDied) this.#afterDeath(flight, error);
        else {
          if (line[0]?.startedAt === null) this.#start(line[0]);
          this.#afterError(batch, error);
        }
        this.pump();
      },
    );
  }

  #start(flight: InFlight): void {
    const now = performance.now();
    flight.startedAt = now;
    const { pieces, rows } = flight.batch;
    for (const { job } of pieces) {
      job.batchRows = Math.max(job.batchRows, rows);
      if (job.startedAt !== null) continue;
      job.startedAt = now;
      this.#options.onStarted(job, rows);
    }
  }

  /** What was still waiting in the worker had no part in its death. */
  #afterDeath({ batch, startedAt }: InFlight, error: WorkerDied): void {
    const started = startedAt !== null;
    const { model, program } = batch.pieces[0]!.job;
    if (started) this.#options.onEnded(model, `program ${program}: ${error.message}`);
    for (const piece of batch.pieces) {
      const { job, retried } = piece;
      if (job.settled) continue;
      if (!started) this.#options.queues.addAgain(piece);
      else if (model.state === 'unhealthy') job.settle(unhealthy(model));
      else if (error.late && batch.pieces.length === 1) {
        job.settle(new ServeError('timeout', `${nameOf(job)}: the run did not end in time`));
      } else if (!retried) this.#options.queues.addAgain({ ...piece, retried: true });
      else job.settle(new ServeError('unavailable', `${nameOf(job)}: twice in a row ${error.message}`, 1));
    }
  }

  /** The failure may be due to the values of one request: the others then succeed alone. */
  #afterError({ pieces }: Batch, error: unknown): void {
    for (const piece of pieces) {
      if (piece.job.settled) continue;
      if (pieces.length > 1) this.#options.queues.addAgain({ ...piece, retried: true });
      else piece.job.settle(new ServeError('internal', `${nameOf(piece.job)} failed: ${messageOf(error)}`));
    }
  }

  #learn({ pieces, rows }: Batch, ms: number): void {
    const key = programKey(pieces[0]!.job);
    const before = this.#runMs.get(key);
    this.#runMs.set(key, before === undefined ? ms : before + (ms - before) / 8);
    this.#msPerRow += (ms / rows - this.#msPerRow) / 8;
  }

  #isQuick(job: Job): boolean {
    return (this.#runMs.get(programKey(job)) ?? Number.POSITIVE_INFINITY) < quickMs;
  }
}

/** Why a model that is set aside takes no requests. */
export function unhealthy({ name, health }: LoadedModel): ServeError {
  const seconds = Math.ceil(health.restsFor(performance.now()) / 1000);
  const message = `model ${name} is set aside for ${seconds} s, since its runs have ended several workers (${health.reason})`;
  return new ServeError('unavailable', message, seconds);
}

function programKey({ model, program }: Job): string {
  return `${model.name}/${program}`;
}

function nameOf({ model, program }: Job): string {
  return `model ${model.name}, program ${program}`;
}

function batchRows({ pieces }: Batch, paddedRows: number): BatchRows {
  const { scalars } = pieces[0]!.job.rows;
  const given: Record<string, Record<number, Values>> = {};
  for (const [part, piece] of pieces.entries()) {
    for (const [name, { shape, data }] of Object.entries(piece.job.rows.given)) {
      const size = data.length / (shape[0] ?? 1);
      const values = data.subarray(piece.start * size, (piece.start + piece.count) * size);
      // A view would be cloned with all that it is a view of.
      const whole = values.byteLength === values.buffer.byteLength;
      given[name] ??= {};
      given[name][part] = whole ? values : values.slice();
    }
  }
  const column = <T>(of: (piece: Piece) => T) => pieces.map(of);
  return {
    seeds: column(({ job }) => job.rows.seed),
    firstIndices: column(({ job, start }) => job.rows.firstIndex + start),
    counts: column(({ count }) => count),
    draws: column(({ job }) => job.rows.draw),
    scalars,
    given,
    paddedRows,
  };
}

function deliver({ pieces }: Batch, rows: number, { outputs }: BatchAnswer, memory: MemoryPool): void {
  const wrong = Object.entries(outputs).find(([, { shape }]) => shape[0] !== rows);
  let offset = 0;
  let kept = false;
  for (const piece of pieces) {
    if (!wrong) {
      if (piece.job.deliver(piece, outputs, { offset, rows, memory })) kept = true;
    } else {
      const [name, { shape }] = wrong;
      const message = `output '${name}' has shape [${shape}] in a run of ${rows} rows`;
      piece.job.settle(new ServeError('internal', `${nameOf(piece.job)}: ${message}`));
    }
    offset += piece.count;
  }
  if (!kept) giveBack(memory, outputs);
}
