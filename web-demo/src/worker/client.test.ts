import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { workerLink } from './client.ts';
import type { SignOfLife } from './life.ts';
import type { Configure, FromWorker, ToWorker } from './protocol.ts';

/** A worker that answers when the test says so. */
class FakeWorker {
  static made: FakeWorker[] = [];
  readonly received: ToWorker[] = [];
  ended = false;
  onmessage: (event: { data: FromWorker | SignOfLife }) => void = () => {};
  constructor() {
    FakeWorker.made.push(this);
  }
  postMessage(message: ToWorker | Configure): void {
    if (message.call !== 'configure') this.received.push(message);
  }
  terminate(): void {
    this.ended = true;
  }
  /** Answers the last message of a kind. */
  async answer(call: ToWorker['call'], model: number, reply: unknown): Promise<void> {
    const matching = (message: ToWorker) =>
      message.call === call && 'model' in message && message.model === model;
    const { id } = this.received.findLast(matching)!;
    this.onmessage({ data: { id, kind: 'done', reply } });
    await vi.advanceTimersByTimeAsync(0);
  }
  calls(): string[] {
    return this.received.map((message) =>
      `${message.call} ${'model' in message ? message.model : ''}`.trim(),
    );
  }
}

const request = (url: string) => ({ url, device: 'wasm' }) as const;
const sample = { count: 1, seed: 1 };

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('Worker', FakeWorker);
  FakeWorker.made = [];
  delete (globalThis as { [key: symbol]: unknown })[Symbol.for('generatrix.worker-link')];
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A link with two models open, in one worker. */
async function openTwo() {
  const link = workerLink();
  const [a, b] = [link.newModel(), link.newModel()];
  const loading = [link.ask('load', a, request('a')), link.ask('load', b, request('b'))];
  await vi.advanceTimersByTimeAsync(0);
  const worker = FakeWorker.made[0]!;
  await worker.answer('load', a, null);
  await worker.answer('load', b, null);
  await Promise.all(loading);
  return { link, a, b, worker };
}

test('a call that stops when it is told to leaves the worker alone', async () => {
  const { link, a, worker } = await openTwo();
  const controller = new AbortController();
  const asked = link.ask('sample', a, sample, { signal: controller.signal });
  const outcome = expect(asked).rejects.toThrow('enough');
  await vi.advanceTimersByTimeAsync(0);
  controller.abort(new Error('enough'));
  await outcome;
  expect(worker.received.at(-1)?.call).toBe('cancel');
  const { id } = worker.received.at(-1)!;
  worker.onmessage({ data: { id, kind: 'failed', message: 'cancelled' } });
  await vi.advanceTimersByTimeAsync(5000);
  expect([FakeWorker.made.length, worker.ended]).toEqual([1, false]);
});

test('a call that does not stop costs the worker its life; what others asked is asked of the next', async () => {
  const { link, a, b, worker } = await openTwo();
  const controller = new AbortController();
  const stuck = expect(link.ask('sample', a, sample, { signal: controller.signal })).rejects.toThrow(
    'enough',
  );
  const other = link.ask('sample', b, sample);
  await vi.advanceTimersByTimeAsync(0);
  controller.abort(new Error('enough'));
  await stuck;
  await vi.advanceTimersByTimeAsync(5000);
  expect([FakeWorker.made.length, worker.ended]).toEqual([2, true]);

  const next = FakeWorker.made[1]!;
  expect(next.calls(), 'the model comes first, and only the one that is needed').toEqual([`load ${b}`]);
  await next.answer('load', b, null);
  expect(next.calls()).toEqual([`load ${b}`, `sample ${b}`]);
  await next.answer('sample', b, 'drawn');
  expect(await other).toBe('drawn');

  const again = link.ask('sample', a, sample);
  await vi.advanceTimersByTimeAsync(0);
  expect(next.calls().at(-1), 'the other model is opened when it is used').toBe(`load ${a}`);
  await next.answer('load', a, null);
  await next.answer('sample', a, 'drawn, too');
  expect(await again).toBe('drawn, too');
});

test('a released model gives up what was asked of it', async () => {
  const { link, a, worker } = await openTwo();
  const asked = expect(link.ask('sample', a, sample)).rejects.toThrow('released');
  await vi.advanceTimersByTimeAsync(0);
  link.release(a);
  await asked;
  expect(worker.calls()).toContain(`release ${a}`);
});

/** Locks as a page has them: whoever waits for one gets it when `free` is called. */
function stubLocks() {
  const waiting = new Map<string, () => Promise<void>>();
  const request = (name: string, { signal }: { signal: AbortSignal }, then: () => Promise<void>) =>
    new Promise<void>((_, reject) => {
      signal.addEventListener('abort', () => {
        waiting.delete(name);
        reject(signal.reason);
      });
      waiting.set(name, then);
    });
  vi.stubGlobal('navigator', { locks: { request } });
  return { waiting, free: (name: string) => waiting.get(name)?.() };
}

test('what a worker was asked when it died without a word is asked of the next; over what two die is refused', async () => {
  const locks = stubLocks();
  const { link, a, b, worker } = await openTwo();
  worker.onmessage({ data: { kind: 'alive', lock: 'first' } });
  const asked = link.ask('sample', a, sample);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(FakeWorker.made.length, 'a call that takes long is no death').toBe(1);
  await locks.free('first');
  await vi.advanceTimersByTimeAsync(0);
  expect(FakeWorker.made.length).toBe(2);
  const next = FakeWorker.made[1]!;
  next.onmessage({ data: { kind: 'alive', lock: 'second' } });
  await next.answer('load', a, null);
  await next.answer('sample', a, 'drawn');
  expect(await asked).toBe('drawn');

  const fatal = link.ask('sample', b, sample);
  await vi.advanceTimersByTimeAsync(0);
  await next.answer('load', b, null);
  await locks.free('second');
  FakeWorker.made[2]!.onmessage({ data: { kind: 'alive', lock: 'third' } });
  const refused = expect(fatal).rejects.toThrow('the worker stopped, twice: it died');
  await locks.free('third');
  await refused;
  const again = link.ask('sample', b, sample);
  await vi.advanceTimersByTimeAsync(0);
  await FakeWorker.made[3]!.answer('load', b, null);
  await FakeWorker.made[3]!.answer('sample', b, 'drawn');
  expect(await again, 'the next question gets a worker of its own').toBe('drawn');
});

test('a worker that never begins is replaced once, then refused', async () => {
  const link = workerLink();
  const refused = expect(link.ask('load', link.newModel(), request('a'))).rejects.toThrow(
    'the worker stopped, twice: it did not start within 60 s',
  );
  await vi.advanceTimersByTimeAsync(120_000);
  await refused;
  expect(FakeWorker.made.map(({ ended }) => ended)).toEqual([true, true]);
});

test('a worker that was ended on purpose is not mourned', async () => {
  const locks = stubLocks();
  const { link, a, worker } = await openTwo();
  worker.onmessage({ data: { kind: 'alive', lock: 'first' } });
  const controller = new AbortController();
  const stuck = expect(link.ask('sample', a, sample, { signal: controller.signal })).rejects.toThrow('no');
  await vi.advanceTimersByTimeAsync(0);
  controller.abort(new Error('no'));
  await stuck;
  await vi.advanceTimersByTimeAsync(5000);
  expect([FakeWorker.made.length, locks.waiting.size]).toEqual([2, 0]);
});

test('an answer that cannot be read is a failure, and no endless wait', async () => {
  const { link, a, worker } = await openTwo();
  const refused = expect(link.ask('sample', a, sample)).rejects.toThrow('cannot be read');
  await vi.advanceTimersByTimeAsync(0);
  (worker as unknown as { onmessageerror(): void }).onmessageerror();
  await refused;
  expect(worker.ended).toBe(true);
});
