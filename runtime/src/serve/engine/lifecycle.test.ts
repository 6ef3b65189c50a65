import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { draw, modelFolder, startEngine, sums } from '../../testing/serving-engine.ts';
import { workerEntry } from './worker-entry.ts';

test('a process that closes its engines ends by itself', async () => {
  const folder = await modelFolder({ sums: sums() });
  const engine = fileURLToPath(new URL('./serving.js', workerEntry));
  const options = {
    ...{ folder, workers: 2, threadsPerWorker: 1, device: 'cpu', maxBatch: 8, maxWaitMs: 5, queueLimit: 100 },
    ...{ timeoutMs: 600_000, maxCount: 100, watch: true },
  };
  const script = `
    import { createEngine } from ${JSON.stringify(engine)};
    for (let i = 0; i < 3; i++) {
      const engine = await createEngine(${JSON.stringify(options)});
      const sources = { seed: 1, firstIndex: 0, count: 20 };
      await engine.run({ model: 'sums', program: 'sample', sources });
      if (i === 1) await engine.drain();
      await engine.close();
    }
    console.log('closed');`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    timeout: 60_000,
  });
  expect(stdout.trim()).toBe('closed');
});

test('nothing is left of engines that were closed, nor of requests that were answered', async () => {
  const folder = await modelFolder({ sums: sums() });
  const handles = () => process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate').length;
  const cycle = async () => {
    const engine = await startEngine(folder, { workers: 2, watch: true });
    await Promise.all(Array.from({ length: 30 }, () => engine.run(draw('sums', 3))));
    await engine.close();
  };
  const before = handles();
  for (let i = 0; i < 4; i++) await cycle();
  // Pipes of processes that have ended close a little later.
  await expect.poll(handles, { timeout: 10_000 }).toBeLessThanOrEqual(before);
});
