import { describe, expect, test } from 'vitest';
import { hostTensor } from '../../program/tensor.ts';
import { Dispatcher } from './dispatcher.ts';
import type { ServeError } from './engine.ts';
import { HeldPrograms } from './held-programs.ts';
import { Job } from './job.ts';
import type { LoadedModel } from './loaded-model.ts';
import { MemoryPool } from './memory-pool.ts';
import type { BatchAnswer, BatchRows } from './messages.ts';
import type { Slot } from './pool.ts';
import { Queues } from './queues.ts';
import { WorkerDied, type WorkerHandle } from './worker-handle.ts';

interface Run {
  readonly slot: number;
  readonly model: string;
  readonly rows: BatchRows;
  answer(): void;
  fail(error: Error): void;
}

/** A dispatcher whose workers do what the test says; row i of the answer is the seed of the part it belongs to. */
function create(workers: number, limit = 8) {
  const runs: Run[] = [];
  const slots: Slot[] = Array.from({ length: workers }, (_, index) => ({
    index,
    worker: {} as WorkerHandle,
    held: new HeldPrograms(0),
  }));
  const pool = {
    slots,
    alive: workers,
    run: (slot: Slot, model: LoadedModel, _: string, rows: BatchRows) =>
      new Promise<BatchAnswer>((resolve, reject) => {
        const seeds = rows.counts.flatMap((count, part) =>
          new Array<number>(count).fill(Number(rows.seeds[part])),
        );
        while (seeds.length < rows.paddedRows) seeds.push(-1);
        const outputs = { value: hostTensor('float32', [rows.paddedRows], seeds) };
        const answer = () => resolve({ outputs, runMs: 1 });
        runs.push({ slot: slot.index, model: model.name, rows, answer, fail: reject });
      }),
  };
  const queues = new Queues({ limitsOf: () => ({ maxWaitMs: 1e9, priority: 0 }), batchLimit: () => limit });
  const dispatcher = new Dispatcher({
    memory: new MemoryPool(0),
    pool,
    queues,
    batchLimit: () => limit,
    runsIn: () => true,
    onStarted: () => undefined,
    onRan: () => undefined,
    onEnded: () => undefined,
  });
  const submit = (seed: number, count: number, model = 'm') => {
    const rows = { count, seed, firstIndex: 0, draw: 0, given: {}, scalars: {}, scalarKey: '' };
    return new Promise<number[]>((resolve, reject) => {
      const settled = (of: Job, error: ServeError | null) =>
        error ? reject(error) : resolve([...of.outputs.value!.data]);
      queues.add(new Job({ name: model, id: 0 } as LoadedModel, 'sample', rows, performance.now(), settled));
      dispatcher.pump();
    });
  };
  return { dispatcher, queues, runs, submit };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
/** Long enough for what was answered to arrive and for what follows to be handed out. */
const settle = async () => {
  for (let i = 0; i < 4; i++) await turn();
};
const died = () => new WorkerDied('the worker died: exit code 3');

test('requests of one turn of the event loop share a batch, and each gets its rows', async () => {
  const { runs, submit } = create(2);
  const answers = [submit(1, 3), submit(2, 1), submit(3, 2)];
  await settle();
  expect(runs).toHaveLength(1);
  expect(runs[0]!.rows).toMatchObject({ counts: [3, 1, 2], seeds: [1, 2, 3], paddedRows: 8 });
  runs[0]!.answer();
  expect(await Promise.all(answers)).toEqual([[1, 1, 1], [2], [3, 3]]);
});

test('an idle worker starts at once, while another is busy', async () => {
  const { runs, submit } = create(2);
  void submit(1, 1);
  await settle();
  void submit(2, 1);
  await settle();
  expect(runs.map(({ slot }) => slot)).toEqual([0, 1]);
});

test('rows are filled up to a multiple of four, and of no more than the batch may have', async () => {
  const { runs, submit } = create(1);
  void submit(1, 5);
  await settle();
  expect(runs[0]!.rows.paddedRows).toBe(8);
  const narrow = create(1, 3);
  void narrow.submit(1, 1);
  await settle();
  expect(narrow.runs[0]!.rows.paddedRows).toBe(3);
});

describe('a batch ahead', () => {
  test('is handed out only when it is full and the program is known to be quick', async () => {
    const { runs, submit, dispatcher } = create(1);
    void submit(1, 8);
    await settle();
    void submit(2, 8);
    await settle();
    expect(runs, 'how long it takes is not known yet').toHaveLength(1);
    runs[0]!.answer();
    await settle();
    void submit(3, 7);
    await settle();
    expect(runs, 'not full').toHaveLength(2);
    void submit(4, 1);
    await settle();
    expect(runs, 'full').toHaveLength(3);
    expect(dispatcher.running).toBe(2);
  });

  test('has no part in a death that comes before it runs', async () => {
    const { runs, submit } = create(1);
    void submit(1, 1);
    await settle();
    runs[0]!.answer();
    await settle();
    const running = submit(2, 8);
    const ahead = submit(3, 8);
    await settle();
    for (const attempt of [1, 2]) {
      runs[1]!.fail(died());
      runs[2]!.fail(died());
      await settle();
      const again = runs.splice(1, 2);
      expect(runs[1]!.rows.seeds, `attempt ${attempt}`).toEqual([attempt === 1 ? 2 : 3]);
      expect(again).toHaveLength(2);
      if (attempt === 1) break;
    }
    runs[1]!.answer();
    await settle();
    runs[2]!.fail(died());
    await settle();
    runs[3]!.answer();
    expect(await running).toEqual(new Array(8).fill(2));
    expect(await ahead, 'its first death counted as the first').toEqual(new Array(8).fill(3));
  });
});

describe('a worker that dies', () => {
  test('twice with the same request: it fails, and the others of its batch do not', async () => {
    const { runs, submit } = create(1);
    const good = submit(1, 1);
    const poison = submit(13, 1);
    const alsoGood = submit(3, 1);
    poison.catch(() => undefined);
    for (let at = 0; at < 4; at++) {
      await settle();
      const { rows, fail, answer } = runs[at]!;
      if (rows.seeds.includes(13)) fail(died());
      else answer();
    }
    expect(runs.map(({ rows }) => rows.seeds)).toEqual([[1, 13, 3], [1], [13], [3]]);
    expect(await good).toEqual([1]);
    expect(await alsoGood).toEqual([3]);
    await expect(poison).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'model m, program sample: twice in a row the worker died: exit code 3',
    });
  });
});

describe('a run that fails', () => {
  test('is tried again request by request: only what fails alone is an error', async () => {
    const { runs, submit } = create(1);
    const good = submit(1, 1);
    const bad = submit(13, 1);
    bad.catch(() => undefined);
    for (let at = 0; at < 3; at++) {
      await settle();
      const { rows, fail, answer } = runs[at]!;
      if (rows.seeds.includes(13)) fail(new Error('index out of bounds'));
      else answer();
    }
    expect(await good).toEqual([1]);
    await expect(bad).rejects.toMatchObject({
      kind: 'internal',
      message: 'model m, program sample failed: index out of bounds',
    });
  });
});

test('models take turns at the worker, though one always has full batches to be handed out ahead', async () => {
  const { runs, submit } = create(1);
  for (const model of ['greedy', 'other']) {
    void submit(0, 8, model);
    await settle();
    runs.at(-1)!.answer(); // known to be quick
    await settle();
  }
  runs.length = 0;
  for (let i = 0; i < 4; i++) void submit(1, 16, 'greedy');
  void submit(9, 16, 'other');
  void submit(9, 9, 'unknown');
  for (let at = 0; at < 12; at++) {
    await settle();
    runs[at]!.answer();
  }
  // The row that is left of `unknown` is no full batch: it waits for its time, which here is endless.
  expect(runs.map(({ model }) => model).join(' ')).toBe(
    'greedy other unknown greedy other greedy greedy greedy greedy greedy greedy unknown',
  );
});
