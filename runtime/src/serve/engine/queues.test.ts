import { describe, expect, test } from 'vitest';
import type { AcceptedRows } from './accept.ts';
import { Job } from './job.ts';
import type { LoadedModel } from './loaded-model.ts';
import { type Batch, Queues } from './queues.ts';

const limit = 8;
const create = (maxWaitMs = Number.POSITIVE_INFINITY) =>
  new Queues({ limitsOf: () => ({ maxWaitMs, priority: 0 }), batchLimit: () => limit });

function job(
  model: string,
  count: number,
  { id = 1, scalarKey = '', arrivedAt = 0, program = 'sample' } = {},
) {
  const rows: AcceptedRows = { count, seed: 1, firstIndex: 0, draw: 0, given: {}, scalars: {}, scalarKey };
  return new Job({ name: model, id } as LoadedModel, program, rows, arrivedAt, () => undefined);
}

/** Takes everything: for each batch, the rows of each job in it. */
function takeAll(queues: Queues, names: ReadonlyMap<Job, string>, now = 0): string[] {
  const batches: string[] = [];
  for (let batch = queues.next(now); batch; batch = queues.next(now)) batches.push(show(batch, names));
  return batches;
}

function show({ pieces }: Batch, names: ReadonlyMap<Job, string>): string {
  return pieces.map(({ job: of, start, count }) => `${names.get(of)} ${start}+${count}`).join(', ');
}

function named(jobs: Readonly<Record<string, Job>>): Map<Job, string> {
  return new Map(Object.entries(jobs).map(([name, of]) => [of, name]));
}

function filled(jobs: Readonly<Record<string, Job>>, maxWaitMs?: number): Queues {
  const queues = create(maxWaitMs);
  for (const of of Object.values(jobs)) queues.add(of);
  return queues;
}

describe('batches', () => {
  test('are filled in order of arrival; a job that does not fit goes on in the next', () => {
    const jobs = { a: job('m', 3), b: job('m', 4), c: job('m', 4), d: job('m', 1) };
    expect(takeAll(filled(jobs), named(jobs))).toEqual(['a 0+3, b 0+4, c 0+1', 'c 1+3, d 0+1']);
  });

  test('join only what has the same program, scalars and state of the model', () => {
    const jobs = {
      a: job('m', 1),
      warm: job('m', 1, { scalarKey: ' 0.5' }),
      coder: job('m', 1, { program: 'encode' }),
      newer: job('m', 1, { id: 2 }),
      b: job('m', 1),
    };
    expect(takeAll(filled(jobs), named(jobs))).toEqual([
      'a 0+1, b 0+1',
      'warm 0+1',
      'coder 0+1',
      'newer 0+1',
    ]);
  });
});

describe('a huge job', () => {
  test('is split, and leaves half of each batch to small ones', () => {
    const jobs = { huge: job('m', 20), a: job('m', 1), b: job('m', 2), c: job('m', 3) };
    expect(takeAll(filled(jobs), named(jobs))).toEqual([
      'a 0+1, b 0+2, c 0+1, huge 0+4',
      'c 1+2, huge 4+6',
      'huge 10+8',
      'huge 18+2',
    ]);
  });

  test('is not kept waiting by many small ones', () => {
    const small = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`s${i}`, job('m', 1)]));
    const jobs = { ...small, huge: job('m', 12) };
    const queues = filled(jobs);
    expect(show(queues.next(0)!, named(jobs))).toBe('s0 0+1, s1 0+1, s2 0+1, s3 0+1, huge 0+4');
  });

  test('takes turns with others of its kind', () => {
    const jobs = { a: job('m', 16), b: job('m', 16) };
    expect(takeAll(filled(jobs), named(jobs))).toEqual(['a 0+8', 'b 0+8', 'a 8+8', 'b 8+8']);
  });
});

describe('turns', () => {
  test('models take turns, however much one of them has waiting', () => {
    const jobs = { a: job('greedy', 32), b: job('modest', 1), c: job('third', 1) };
    const batches = takeAll(filled(jobs, 0), named(jobs));
    expect(batches).toEqual(['a 0+8', 'b 0+1', 'c 0+1', 'a 8+8', 'a 16+8', 'a 24+8']);
  });

  test('a model does not get more turns by having more programs', () => {
    const jobs = {
      a: job('m', 1, { scalarKey: ' 1' }),
      b: job('m', 1, { scalarKey: ' 2' }),
      c: job('m', 1, { scalarKey: ' 3' }),
      other: job('n', 1),
    };
    expect(takeAll(filled(jobs), named(jobs))).toEqual(['a 0+1', 'other 0+1', 'b 0+1', 'c 0+1']);
  });

  test('a full batch goes before an incomplete one that has not waited its time', () => {
    const jobs = { young: job('a', 1, { arrivedAt: 90 }), full: job('b', 8, { arrivedAt: 95 }) };
    const names = named(jobs);
    expect(takeAll(filled(jobs, 20), names, 100)).toEqual(['full 0+8', 'young 0+1']);
    const later = { young: job('a', 1, { arrivedAt: 90 }), full: job('b', 8, { arrivedAt: 95 }) };
    expect(takeAll(filled(later, 20), named(later), 110)).toEqual(['young 0+1', 'full 0+8']);
  });

  test('nextFull takes only what is full, wanted and next', () => {
    const jobs = { a: job('a', 7), b: job('b', 9) };
    const queues = filled(jobs, 10);
    expect(queues.nextFull(0, () => false)).toBeNull();
    expect(
      queues.nextFull(10, () => true),
      'a has waited long enough to be next',
    ).toBeNull();
    expect(show(queues.nextFull(0, () => true)!, named(jobs))).toBe('b 0+8');
    expect(queues.nextFull(0, () => true)).toBeNull();
  });
});

describe('what comes back and what leaves', () => {
  test('pieces to try again go first, each by itself', () => {
    const jobs = { a: job('m', 3), b: job('m', 2), c: job('m', 8) };
    const queues = filled(jobs);
    const first = queues.next(0)!;
    expect(first.rows).toBe(8);
    for (const piece of first.pieces) queues.addAgain({ ...piece, retried: true });
    expect(queues.rows).toBe(13);
    expect(takeAll(queues, named(jobs))).toEqual(['a 0+3', 'b 0+2', 'c 0+3', 'c 3+5']);
  });

  test('a job that leaves frees its rows, those to be tried again included', () => {
    const jobs = { a: job('m', 20), b: job('m', 2) };
    const queues = filled(jobs);
    const batch = queues.next(0)!;
    queues.addAgain(batch.pieces.find((piece) => piece.job === jobs.a)!);
    expect(queues.rows).toBe(20);
    queues.remove(jobs.a);
    expect(queues.rows).toBe(0);
    expect(queues.next(0)).toBeNull();
    queues.remove(jobs.a);
    expect(queues.rows).toBe(0);
  });
});

describe('limits of single models', () => {
  const limited = (limits: Readonly<Record<string, { maxWaitMs?: number; priority?: number }>>) =>
    new Queues({
      limitsOf: (model) => ({ maxWaitMs: Number.POSITIVE_INFINITY, priority: 0, ...limits[model] }),
      batchLimit: () => limit,
    });

  test('a model waits for more rows as long as its own limit says', () => {
    const jobs = { patient: job('p', 1), hasty: job('h', 1) };
    const queues = limited({ h: { maxWaitMs: 5 } });
    for (const of of Object.values(jobs)) queues.add(of);
    expect(takeAll(queues, named(jobs), 5)).toEqual(['hasty 0+1', 'patient 0+1']);
  });

  test('the highest priority goes first, before full batches of a lower one', () => {
    const jobs = { low: job('l', 8), high: job('h', 1), higher: job('hh', 1), lowest: job('ll', 8) };
    const queues = limited({ h: { priority: 1 }, hh: { priority: 2 }, ll: { priority: -1 } });
    for (const of of Object.values(jobs)) queues.add(of);
    expect(takeAll(queues, named(jobs))).toEqual(['higher 0+1', 'high 0+1', 'low 0+8', 'lowest 0+8']);
  });

  test('a worker is given only what it may have', () => {
    const jobs = { a: job('a', 1), b: job('b', 2) };
    const queues = limited({});
    for (const of of Object.values(jobs)) queues.add(of);
    const onlyB = (model: string) => model === 'b';
    expect([queues.rowsOf('a'), queues.rowsOf('b'), queues.rowsOf('c')]).toEqual([1, 2, 0]);
    expect(show(queues.next(0, onlyB)!, named(jobs))).toBe('b 0+2');
    expect(queues.next(0, onlyB)).toBeNull();
    expect(show(queues.next(0)!, named(jobs))).toBe('a 0+1');
  });
});
