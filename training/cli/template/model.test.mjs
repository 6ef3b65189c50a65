import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadSampler, train } from 'generatrix';

test('training lowers the loss, and the bundle draws the same points by the same seed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'my-model-'));
  try {
    const losses = [];
    const { bundle } = await train({
      family: './straight-flow.ts',
      data: { name: './galaxy.ts', size: 200, options: { arms: 3 } },
      options: { hidden: [16], jumps: 4 },
      steps: 200,
      batchSize: 50,
      device: 'cpu',
      out: join(folder, 'run'),
      on: { step: ({ metrics }) => losses.push(metrics.loss) },
    });
    const mean = (some) => some.reduce((sum, value) => sum + value, 0) / some.length;
    assert.ok(mean(losses.slice(-20)) < mean(losses.slice(0, 20)));
    const sampler = await loadSampler(bundle, { device: 'cpu' });
    const [first, again] = [
      await sampler.sample({ count: 5, seed: 42 }),
      await sampler.sample({ count: 5, seed: 42 }),
    ];
    await sampler.release();
    assert.deepEqual(first.data.shape, [5, 2]);
    assert.deepEqual(first.data.data, again.data.data);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
