import { expect, test, vi } from 'vitest';
import { hostTensor } from '../../program/tensor.ts';
import { draw, endless, failure, modelFolder, startEngine, sums } from '../../testing/serving-engine.ts';
import type { EngineObserver } from './engine.ts';

const latent = (x: number) => ({ latent: hostTensor('float32', [1, 1], [x]) });

test('a program that does not end loses its worker, others are answered, and its bundle is set aside', async () => {
  const workerDied = vi.fn<NonNullable<EngineObserver['workerDied']>>();
  const modelChanged = vi.fn<NonNullable<EngineObserver['modelChanged']>>();
  const engine = await startEngine(await modelFolder({ endless: endless(), sums: sums() }), {
    runLimitMs: 500,
    observer: { workerDied, modelChanged },
  });
  const ends = draw('endless', 1, latent(-3));
  expect([...(await engine.run(ends)).outputs.value!.data]).toEqual([-2]);
  const known = await engine.run(draw('sums', 2));
  // They run together, then each alone: whoever is innocent gets its answer.
  const together = [latent(1), latent(-5), latent(2)].map((given) => engine.run(draw('endless', 1, given)));
  const [first, innocent, second] = await Promise.allSettled(together);
  expect(first).toMatchObject({ status: 'rejected', reason: { kind: 'timeout' } });
  const value = hostTensor('float32', [1, 1], [-4]);
  expect(innocent).toMatchObject({ status: 'fulfilled', value: { outputs: { value } } });
  expect(second).toMatchObject({ status: 'rejected', reason: { kind: 'timeout' } });
  for (const { reason } of workerDied.mock.calls.map(([event]) => event)) expect(reason).toMatch(/500 ms/);
  expect((await engine.run(draw('sums', 2))).outputs).toEqual(known.outputs);
  for (let i = 0; i < 3 && engine.model('endless').state === 'ready'; i++) {
    expect(['timeout', 'unavailable']).toContain(
      (await failure(engine.run(draw('endless', 1, latent(1))))).kind,
    );
  }
  expect(engine.model('endless').state).toBe('unhealthy');
  expect(modelChanged.mock.lastCall![0]).toMatchObject({ name: 'endless', change: 'unhealthy' });
  const refusal = await failure(engine.run(ends));
  expect(refusal).toMatchObject({ kind: 'unavailable' });
  expect(refusal.retryAfterSeconds).toBeGreaterThan(20);
  expect((await engine.run(draw('sums', 2))).outputs).toEqual(known.outputs);
  expect(engine.ready(), 'all bundles are meant').toBe(false);
});

test('an engine ends though a run does not', async () => {
  const engine = await startEngine(await modelFolder({ endless: endless() }));
  const stuck = failure(engine.run(draw('endless', 1, latent(1))));
  await vi.waitFor(() => expect(engine.pending().running).toBe(1));
  await engine.close();
  expect((await stuck).kind).toBe('unavailable');
  expect(engine.pending()).toMatchObject({ requests: 0, workersAlive: 0 });
});
