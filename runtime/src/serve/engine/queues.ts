import type { Job, Piece } from './job.ts';
import type { ModelLimits } from './limits.ts';

/** Rows that run together: of one program, with the same scalars. */
export interface Batch {
  readonly pieces: readonly Piece[];
  readonly rows: number;
}

export interface QueueLimits {
  /**
   * By a model's name: how long an incomplete batch may be passed over while others are full, milliseconds; and its
   * priority.
   */
  readonly limitsOf: (model: string) => Pick<ModelLimits, 'maxWaitMs' | 'priority'>;
  /** Rows that one run of the job's program may have. */
  readonly batchLimit: (job: Job) => number;
}

/** What waits for the same program with the same scalars. */
class ProgramQueue {
  readonly limit: number;
  /** Jobs that fit into one batch, in order of arrival. */
  readonly small = new Set<Job>();
  /** Jobs that do not: they take turns. */
  readonly large = new Set<Job>();
  /** Pieces whose worker died. */
  readonly again: Piece[] = [];
  rows = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get empty(): boolean {
    return this.rows === 0;
  }

  full(): boolean {
    return this.rows >= this.limit;
  }

  oldest(): number {
    const first = (jobs: Set<Job>) => jobs.values().next().value?.arrivedAt ?? Number.POSITIVE_INFINITY;
    return this.again.length > 0 ? Number.NEGATIVE_INFINITY : Math.min(first(this.small), first(this.large));
  }

  /**
   * One of the pieces to try again runs by itself: if it was what killed the worker, it harms no one else this time.
   * Otherwise small jobs go first, but where large ones wait half of the batch is theirs: neither keeps the other out.
   */
  take(): Batch {
    const again = this.again.shift();
    if (again) return this.#taken([again]);
    const pieces: Piece[] = [];
    let space = this.limit;
    const takeFrom = (jobs: Set<Job>, share: number) => {
      for (const job of jobs) {
        if (share === 0) return;
        const piece = job.take(Math.min(share, job.waiting));
        pieces.push(piece);
        share -= piece.count;
        space -= piece.count;
        if (job.waiting > 0 && jobs === this.small) return;
        jobs.delete(job);
        if (job.waiting > 0) jobs.add(job); // to the end of the line
      }
    };
    const reserved = this.large.size === 0 ? 0 : Math.floor(this.limit / 2);
    takeFrom(this.small, Math.max(1, space - reserved));
    takeFrom(this.large, space);
    takeFrom(this.small, space);
    return this.#taken(pieces);
  }

  #taken(pieces: readonly Piece[]): Batch {
    const rows = pieces.reduce((sum, { count }) => sum + count, 0);
    this.rows -= rows;
    return { pieces, rows };
  }
}

/** Whose turn it is. */
interface Turn {
  readonly model: string;
  readonly key: string;
  readonly queue: ProgramQueue;
  readonly priority: number;
  /** Its batch is full, or has waited long enough. */
  readonly due: boolean;
}

/** Which models a worker may be given. */
type ModelFilter = (model: string) => boolean;

const anyModel: ModelFilter = () => true;

/**
 * Everything that waits, over all models. Those of the highest priority go first; among them models take turns, and
 * within a model its programs do; full batches and those that waited long enough go before incomplete ones.
 */
export class Queues {
  readonly #limits: QueueLimits;
  /** In the order of their turns: who was served last stands last. */
  readonly #models = new Map<string, Map<string, ProgramQueue>>();
  #rows = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Rows that wait. */
  get rows(): number {
    return this.#rows;
  }

  add(job: Job): void {
    const queue = this.#queueOf(job);
    (job.rows.count > queue.limit ? queue.large : queue.small).add(job);
    this.#grow(queue, job.waiting);
  }

  /** Puts a piece back whose worker died. */
  addAgain(piece: Piece): void {
    const queue = this.#queueOf(piece.job);
    queue.again.push(piece);
    this.#grow(queue, piece.count);
  }

  /** Takes out what is left of a job. */
  remove(job: Job): void {
    const queue = this.#models.get(job.model.name)?.get(keyOf(job));
    if (!queue) return;
    if (queue.small.delete(job) || queue.large.delete(job)) this.#grow(queue, -job.waiting);
    for (let at = queue.again.length - 1; at >= 0; at--) {
      if (queue.again[at]!.job !== job) continue;
      this.#grow(queue, -queue.again.splice(at, 1)[0]!.count);
    }
    this.#forgetIfEmpty(job.model.name, keyOf(job), queue);
  }

  /** Rows of a model that wait. */
  rowsOf(model: string): number {
    let rows = 0;
    for (const queue of this.#models.get(model)?.values() ?? []) rows += queue.rows;
    return rows;
  }

  /** The next batch of the models that `mayRun` accepts; null when nothing of them waits. */
  next(now: number, mayRun = anyModel): Batch | null {
    const turn = this.#nextTurn(now, mayRun);
    return turn && this.#take(turn);
  }

  /**
   * The next batch if it is full and of a job that `wanted` accepts. What comes after it is not looked at: otherwise
   * whoever has full batches could keep the others from their turn.
   */
  nextFull(now: number, wanted: (job: Job) => boolean, mayRun = anyModel): Batch | null {
    const turn = this.#nextTurn(now, mayRun);
    if (!turn) return null;
    const { queue } = turn;
    const [job] = queue.small.size > 0 ? queue.small : queue.large;
    const good = queue.full() && queue.again.length === 0 && job !== undefined && wanted(job);
    return good ? this.#take(turn) : null;
  }

  #nextTurn(now: number, mayRun: ModelFilter): Turn | null {
    let first: Turn | null = null;
    for (const [model, queues] of this.#models) {
      if (!mayRun(model)) continue;
      const { maxWaitMs, priority } = this.#limits.limitsOf(model);
      for (const [key, queue] of queues) {
        const due = queue.full() || queue.oldest() <= now - maxWaitMs;
        const earlier =
          first === null || (priority === first.priority ? due && !first.due : priority > first.priority);
        if (earlier) first = { model, key, queue, priority, due };
      }
    }
    return first;
  }

  #take({ model, key, queue }: Turn): Batch {
    const batch = queue.take();
    this.#rows -= batch.rows;
    const queues = this.#models.get(model)!;
    queues.delete(key);
    queues.set(key, queue);
    this.#models.delete(model);
    this.#models.set(model, queues);
    this.#forgetIfEmpty(model, key, queue);
    return batch;
  }

  #queueOf(job: Job): ProgramQueue {
    const queues = this.#models.get(job.model.name) ?? new Map<string, ProgramQueue>();
    this.#models.set(job.model.name, queues);
    const key = keyOf(job);
    const queue = queues.get(key) ?? new ProgramQueue(this.#limits.batchLimit(job));
    queues.set(key, queue);
    return queue;
  }

  #grow(queue: ProgramQueue, rows: number): void {
    queue.rows += rows;
    this.#rows += rows;
  }

  #forgetIfEmpty(model: string, key: string, queue: ProgramQueue): void {
    if (!queue.empty) return;
    const queues = this.#models.get(model);
    queues?.delete(key);
    if (queues?.size === 0) this.#models.delete(model);
  }
}

/** A model that was replaced has another id, so that the old one's requests do not join the new one's. */
function keyOf({ model, program, rows }: Job): string {
  return `${model.id} ${program}${rows.scalarKey}`;
}
