import { describe, expect, test, vi } from 'vitest';
import { busy, draw, modelFolder, startEngine, sums } from '../../testing/serving-engine.ts';
import type { EngineObserver } from './engine.ts';
import type { Death } from './messages.ts';

const deaths: readonly [Death, RegExp][] = [
  ['exit', /^exit code 3$/],
  ['throw', /^exit code 1$/],
  ['heap', /^ended by SIGABRT$/],
  ['memory', /^it took more than 300 MB$/],
];

describe.each(deaths)('a worker that dies by %s', (death, reason) => {
  test('is replaced; its requests are tried again and others unharmed', async () => {
    const workerDied = vi.fn<NonNullable<EngineObserver['workerDied']>>();
    const engine = await startEngine(await modelFolder({ sums: sums() }), {
      observer: { workerDied },
      workerMemoryBytes: (death === 'memory' ? 300 : 3000) * 2 ** 20,
    });
    const known = await engine.run(draw('sums', 20));
    const { release, first } = await busy(engine, 'sums', death);
    const waiting = engine.run(draw('sums', 20));
    release();
    expect((await waiting).outputs).toEqual(known.outputs);
    expect((await first).outputs.value!.data).toEqual(known.outputs.value!.data.slice(0, 1));
    expect(workerDied).toHaveBeenCalledTimes(1);
    expect(workerDied.mock.calls[0]![0].reason).toMatch(reason);
    expect(engine.pending()).toMatchObject({ requests: 0, rows: 0, workersAlive: 1 });
    expect(engine.ready()).toBe(true);
  });
});

test('readiness falls while no worker lives, and what is accepted meanwhile waits for the next', async () => {
  const engine = await startEngine(await modelFolder({ sums: sums() }));
  engine.hold(0, 'exit')();
  await vi.waitFor(() => expect(engine.pending().workersAlive).toBe(0), { interval: 0 });
  expect(engine.ready()).toBe(false);
  expect((await engine.run(draw('sums', 2))).outputs.value!.shape).toEqual([2]);
  expect(engine.ready()).toBe(true);
});

test('the other worker goes on', async () => {
  const engine = await startEngine(await modelFolder({ sums: sums() }), { workers: 2 });
  const { release, first } = await busy(engine, 'sums', 'throw');
  const { outputs } = await engine.run(draw('sums', 3));
  for (let i = 0; i < 10; i++) expect((await engine.run(draw('sums', 3))).outputs).toEqual(outputs);
  release();
  await first;
});
