import { describe, expect, test, vi } from 'vitest';
import { openBundle } from '../../bundle/bundle.ts';
import { UserError } from '../../errors.ts';
import { createSampler } from '../../model/sampler.ts';
import { createExecutor } from '../../ort/ort-node.ts';
import { hostTensor } from '../../program/tensor.ts';
import { memorySource, testBundle } from '../../testing/bundle.ts';
import {
  busy,
  draw,
  failure,
  failureKind,
  modelFolder,
  points,
  startEngine,
  sums,
} from '../../testing/serving-engine.ts';
import type { EngineObserver } from './engine.ts';
import { createEngine, ServingEngine } from './serving.ts';

describe('answers', () => {
  test("are the sampler's, for every kind of input", async () => {
    const programs = ['sample', 'encode', 'logWeight', 'logProb'] as const;
    const engine = await startEngine(await modelFolder({ points: points(programs) }));
    const bundle = await openBundle(memorySource(testBundle(programs).files));
    const sampler = createSampler(bundle, await createExecutor('cpu', { threads: 1 }));
    const data = hostTensor(
      'float32',
      [20, 3],
      Array.from({ length: 60 }, (_, i) => i / 7),
    );
    const sources = { seed: 5, firstIndex: 3, count: 20, data, scalars: { temperature: 0.5 } };
    const labels = Int32Array.from({ length: 20 }, (_, i) => (i + 1) % 2);
    const { scalars: _, ...plain } = sources;
    for (const [program, given] of [
      ['sample', { ...sources, labels }],
      ['encode', plain],
      ['logWeight', { ...plain, draw: 2 }],
      ['logProb', { ...plain, labels }],
    ] as const) {
      const { outputs, version, batchRows } = await engine.run({ model: 'points', program, sources: given });
      expect(outputs, program).toEqual(await sampler.run(program, given));
      expect([version, batchRows]).toEqual(['1', 8]);
    }
    await sampler.release();
  });

  test('memory that an answer gave back serves the next; one that kept it stays as it was', async () => {
    const limits = { maxBatch: 2048, maxCount: 2048, queueLimit: 4096 };
    const engine = await startEngine(await modelFolder({ points: points() }), limits);
    const bundle = await openBundle(memorySource(testBundle(['sample']).files));
    const sampler = createSampler(bundle, await createExecutor('cpu', { threads: 1 }));
    const sources = (seed: number) => draw('points', 2000, { seed }).sources;
    const run = (seed: number) => engine.run({ model: 'points', program: 'sample', sources: sources(seed) });
    const kept = await run(1);
    const given = await run(2);
    const memory = given.outputs.data!.data.buffer;
    given.release!();
    given.release!();
    const [third, fourth] = [await run(3), await run(4)];
    expect(third.outputs.data!.data.buffer).toBe(memory);
    expect(fourth.outputs.data!.data.buffer).not.toBe(memory);
    for (const [seed, { outputs }] of [[1, kept] as const, [3, third] as const, [4, fourth] as const]) {
      expect(outputs, `seed ${seed}`).toEqual(await sampler.run('sample', sources(seed)));
    }
    await sampler.release();
  });

  test('inputs may be given by name, noise and scalars included', async () => {
    const engine = await startEngine(await modelFolder({ points: points() }));
    const z = hostTensor('float32', [2, 3], [1, 2, 3, 4, 5, 6]);
    const tensors = {
      z,
      label: hostTensor('int32', [2], [1, 0]),
      temperature: hostTensor('float32', [], [2]),
    };
    const { outputs } = await engine.run(draw('points', 2, { tensors }));
    // 2 z W + E[label], with W and E of the test bundle
    expect([...outputs.data!.data]).toEqual([14, 24, 33, 10, 16, 6]);
  });

  test('never depend on who shared the batch: the same bits alone and together', async () => {
    const engine = await startEngine(await modelFolder({ sums: sums() }), {
      maxBatch: 32,
      queueLimit: 10_000,
    });
    const counts = [1, 2, 3, 5, 7, 1, 40, 13, 1, 6];
    const request = (count: number, i: number) => draw('sums', count, { seed: i, firstIndex: 10 * i });
    const alone = [];
    for (const [i, count] of counts.entries()) alone.push(await engine.run(request(count, i)));
    const { release, first } = await busy(engine, 'sums');
    const together = counts.map((count, i) => engine.run(request(count, i)));
    await vi.waitFor(() => expect(engine.pending().rows).toBe(79));
    release();
    for (const [i, count] of counts.entries()) {
      const { outputs, batchRows } = await together[i]!;
      expect(batchRows, 'it had company').toBeGreaterThan(Math.min(count, 31));
      expect(outputs.value!.shape).toEqual([count]);
      expect(outputs, `request ${i}`).toEqual(alone[i]!.outputs);
    }
    await first;
  });

  test('where a reduced axis is no multiple of 4, they differ by the rounding of its sum at most', async () => {
    const engine = await startEngine(await modelFolder({ sums: sums(1, 37) }));
    const whole = await engine.run(draw('sums', 64));
    for (let i = 0; i < 64; i++) {
      const { outputs } = await engine.run(draw('sums', 1, { firstIndex: i }));
      const difference = Math.abs(outputs.value!.data[0]! - whole.outputs.value!.data[i]!);
      // 37 roundings to 24 bits of partial sums that stay below 32, and two of the result.
      expect(difference).toBeLessThan(39 * 32 * 2 ** -24);
    }
  });

  test('a long request is the same as its rows one by one', async () => {
    const engine = await startEngine(await modelFolder({ sums: sums() }));
    const whole = await engine.run(draw('sums', 19, { firstIndex: 4 }));
    for (let i = 0; i < 19; i++) {
      const { outputs } = await engine.run(draw('sums', 1, { firstIndex: 4 + i }));
      expect(outputs.value!.data[0]).toBe(whole.outputs.value!.data[i]);
    }
  });
});

describe('batches', () => {
  test('what waits while the worker is busy runs together; other scalars run apart', async () => {
    const engine = await startEngine(await modelFolder({ points: points() }));
    const { release, first } = await busy(engine, 'points');
    const cold = [1, 2, 1].map((count) =>
      engine.run(draw('points', count, { scalars: { temperature: 0.5 } })),
    );
    const usual = engine.run(draw('points', 3));
    await vi.waitFor(() => expect(engine.pending().rows).toBe(7));
    expect(engine.pending()).toEqual({ requests: 5, rows: 7, running: 1, workersAlive: 1 });
    release();
    const results = await Promise.all([first, ...cold, usual]);
    expect(results.map(({ batchRows }) => batchRows)).toEqual([1, 4, 4, 4, 3]);
    expect(engine.pending()).toEqual({ requests: 0, rows: 0, running: 0, workersAlive: 1 });
  });

  test('a huge request does not keep a small one waiting until it is done', async () => {
    const engine = await startEngine(await modelFolder({ points: points() }), {
      maxBatch: 2,
      maxCount: 2000,
      queueLimit: 5000,
    });
    const { release } = await busy(engine, 'points');
    const order: string[] = [];
    const note = (what: string) => () => order.push(what);
    const huge = engine.run(draw('points', 2000)).then(note('huge'));
    const small = engine.run(draw('points', 1)).then(note('small'));
    release();
    await Promise.all([huge, small]);
    expect(order).toEqual(['small', 'huge']);
  });

  test('a single worker may be all there is, with batches of one row', async () => {
    const engine = await startEngine(await modelFolder({ sums: sums() }), { maxBatch: 1 });
    const { outputs, batchRows } = await engine.run(draw('sums', 3));
    expect([outputs.value!.shape, batchRows]).toEqual([[3], 1]);
  });

  test('several workers share the work', async () => {
    const engine = await startEngine(await modelFolder({ points: points() }), { workers: 2, maxBatch: 64 });
    const { release, first } = await busy(engine, 'points');
    for (let i = 0; i < 5; i++) await engine.run(draw('points', 50));
    expect(engine.pending().running, 'the first worker still holds its batch').toBe(1);
    release();
    await first;
  });
});

describe('what is refused', () => {
  test('unknown models, versions and programs', async () => {
    const engine = await startEngine(await modelFolder({ 'm/2': points(), 'm/10': points() }));
    for (const [request, message] of [
      [{ model: 'x' }, "there is no model 'x'"],
      [{ model: 'constructor' }, "there is no model 'constructor'"],
      [{ version: '3' }, 'model m has no version 3 (it has: 10, 2)'],
      [{ program: 'toString' }, "model m has no program 'toString' (it has: sample)"],
    ] as const) {
      const error = await failure(engine.run({ ...draw('m', 1), ...request }));
      expect([error.kind, error.message]).toEqual(['not-found', message]);
    }
    expect(() => engine.model('m', '02')).toThrow(/no version 02/);
  });

  test.each([
    ['a count of 0', { count: 0 }, /count: expected a whole number from 1, got 0/],
    ['a count that is none', { count: 1.5 }, /count/],
    ['too many rows', { count: 101 }, /count: expected at most 100, got 101/],
    ['an unknown scalar', { scalars: { warmth: 1 } }, /no scalar 'warmth' \(it has: temperature\)/],
    ['a scalar out of range', { scalars: { temperature: 9 } }, /from 0 to 2, got 9/],
    ['a label out of range', { labels: Int32Array.of(2) }, /label 2 is out of range/],
    ['a seed that is none', { seed: -1 }, /seed: expected a whole number/],
    ['an index out of range', { firstIndex: 2 ** 32 }, /first sample index/],
    ['a last index out of range', { firstIndex: 2 ** 32 - 1, count: 2 }, /out of range/],
    ['a draw out of range', { draw: -1 }, /draw/],
    ['an unknown tensor', { tensors: { y: hostTensor('float32', [1], [0]) } }, /no input 'y'/],
    ['a tensor of another shape', { tensors: { z: hostTensor('float32', [3], [0, 0, 0]) } }, /\[1,3\]/],
    ['a tensor of another type', { tensors: { z: hostTensor('int32', [1, 3], [0, 0, 0]) } }, /float32/],
    [
      'a tensor label out of range',
      { tensors: { label: hostTensor('int32', [1], [7]) } },
      /label 7 is out of range/,
    ],
    [
      'a tensor scalar out of range',
      { tensors: { temperature: hostTensor('float32', [], [-1]) } },
      /from 0 to 2, got -1/,
    ],
  ])('%s', async (_, sources, message) => {
    const failed = vi.fn<NonNullable<EngineObserver['failed']>>();
    const engine = await startEngine(await modelFolder({ points: points() }), { observer: { failed } });
    const error = await failure(engine.run(draw('points', 1, sources)));
    expect(error.kind).toBe('bad-request');
    expect(error.message).toMatch(message);
    expect(failed).toHaveBeenCalledTimes(1);
    expect(engine.pending().requests).toBe(0);
  });

  test.each([
    [{ workers: 0 }, /workers: expected a whole number from 1, got 0/],
    [{ maxBatch: 2.5 }, /maxBatch/],
    [{ timeoutMs: Number.NaN }, /timeoutMs/],
    [{ timeoutMs: 2 ** 31 }, /timeoutMs/],
    [{ maxWaitMs: -1 }, /maxWaitMs/],
    [{ device: 'webgpu', workers: 2 } as const, /webgpu has room for 1 worker/],
    [{ folder: '/nowhere/models' }, /there is no such folder/],
  ])('options %o', async (options, message) => {
    const error = await startEngine(await modelFolder(), options).then(
      () => new Error('it started'),
      (reason: unknown) => reason as Error,
    );
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(message);
  });
});

describe('limits', () => {
  test('a full queue refuses at once, says when to come back, and takes no harm', async () => {
    const engine = await startEngine(await modelFolder({ points: points() }), { queueLimit: 10 });
    const { release, first } = await busy(engine, 'points');
    const waiting = engine.run(draw('points', 7));
    const error = await failure(engine.run(draw('points', 4)));
    expect(error.kind).toBe('overloaded');
    expect(error.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    const fits = engine.run(draw('points', 3));
    expect(await failureKind(engine.run(draw('points', 1)))).toBe('overloaded');
    release();
    await Promise.all([first, waiting, fits]);
  });

  test('a request larger than the queue is taken when nothing waits', async () => {
    const engine = await startEngine(await modelFolder({ points: points() }), { queueLimit: 10 });
    expect((await engine.run(draw('points', 50))).outputs.data!.shape).toEqual([50, 3]);
  });

  test('a request that waits too long fails, and frees its place', async () => {
    const engine = await startEngine(await modelFolder({ points: points() }), { queueLimit: 10 });
    const { release, first } = await busy(engine, 'points');
    const error = await failure(engine.run({ ...draw('points', 10), timeoutMs: 20 }));
    expect([error.kind, error.message]).toEqual(['timeout', 'no answer within 20 ms']);
    expect(engine.pending()).toMatchObject({ requests: 1, rows: 0 });
    const next = engine.run(draw('points', 10));
    release();
    await Promise.all([first, next]);
  });

  test('one that runs too long fails, too; its answer is dropped', async () => {
    const engine = await startEngine(await modelFolder({ points: points() }), { timeoutMs: 50 });
    const { release, first } = await busy(engine, 'points');
    expect(await failureKind(first)).toBe('timeout');
    release();
    await vi.waitFor(() => expect(engine.pending().running).toBe(0));
    expect(engine.pending().requests).toBe(0);
  });

  test('a client that leaves frees its place, waiting, half done or not yet there', async () => {
    const engine = await startEngine(await modelFolder({ points: points() }), { queueLimit: 40 });
    const { release, first } = await busy(engine, 'points');
    const leaving = new AbortController();
    const gone = engine.run({ ...draw('points', 40), signal: leaving.signal });
    expect(engine.pending().rows).toBe(40);
    leaving.abort();
    expect(await failureKind(gone)).toBe('cancelled');
    expect(engine.pending().rows).toBe(0);
    expect(await failureKind(engine.run({ ...draw('points', 1), signal: AbortSignal.abort() }))).toBe(
      'cancelled',
    );
    release();
    await first;

    const again = engine.hold(0);
    const halfway = new AbortController();
    const half = engine.run({ ...draw('points', 30), signal: halfway.signal });
    half.catch(() => undefined);
    await vi.waitFor(() => expect(engine.pending().running).toBeGreaterThan(0));
    expect(engine.pending().rows).toBeGreaterThan(0);
    halfway.abort();
    expect(await failureKind(half)).toBe('cancelled');
    expect(engine.pending().rows, 'the pieces that had not begun are dropped').toBe(0);
    again();
    await engine.run(draw('points', 1));
  });
});

describe('the end', () => {
  test('drain finishes what was accepted, and accepts no more', async () => {
    const engine = await startEngine(await modelFolder({ points: points() }));
    const { release, first } = await busy(engine, 'points');
    const accepted = Array.from({ length: 20 }, (_, i) => engine.run(draw('points', 1 + (i % 3))));
    const drained = engine.drain();
    expect(engine.ready()).toBe(false);
    expect(await failureKind(engine.run(draw('points', 1)))).toBe('unavailable');
    release();
    await drained;
    expect(engine.pending()).toMatchObject({ requests: 0, rows: 0 });
    for (const result of [first, ...accepted]) await expect(result).resolves.toBeDefined();
  });

  test('close fails what is still open, and can be called twice', async () => {
    const engine = await startEngine(await modelFolder({ points: points() }));
    const { release, first } = await busy(engine, 'points');
    const waiting = engine.run(draw('points', 1));
    const closed = engine.close();
    expect(await failureKind(first)).toBe('unavailable');
    expect(await failureKind(waiting)).toBe('unavailable');
    release();
    await closed;
    await engine.close();
    expect(await failureKind(engine.run(draw('points', 1)))).toBe('unavailable');
    expect(await failureKind(engine.reload())).toBe('unavailable');
  });
});

test('the observer hears of every request once, and may throw', async () => {
  const heard: string[] = [];
  const note = (what: string) => (event: { readonly rows: number; readonly batchRows?: number }) => {
    heard.push(`${what} ${event.rows}${event.batchRows === undefined ? '' : ` of ${event.batchRows}`}`);
    throw new Error('a broken observer');
  };
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const observer = {
    queued: note('queued'),
    started: note('started'),
    finished: note('finished'),
    failed: note('failed'),
  };
  const engine = await startEngine(await modelFolder({ points: points() }), { observer });
  await engine.run(draw('points', 12));
  await failure(engine.run({ ...draw('points', 3), timeoutMs: Number.NaN }));
  await failure(engine.run(draw('nobody', 1)));
  expect(heard).toEqual(['queued 12', 'started 12 of 8', 'finished 12', 'failed 3']);
  expect(warned).toHaveBeenCalledTimes(4);
  warned.mockRestore();
});

test('createEngine makes one', async () => {
  const folder = await modelFolder({ points: points() });
  const options = { workers: 1, threadsPerWorker: 1, device: 'cpu', maxBatch: 8, maxWaitMs: 5 } as const;
  const limits = { queueLimit: 100, timeoutMs: 10_000, maxCount: 100, watch: false };
  const engine = await createEngine({ folder, ...options, ...limits });
  expect(engine).toBeInstanceOf(ServingEngine);
  expect(engine.ready()).toBe(true);
  await engine.close();
  expect(engine.ready()).toBe(false);
});
