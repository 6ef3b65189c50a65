import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createExecutor, fillInputs, loadSampler } from '@generatrix/runtime';
import { exportRun, runTraining } from '@generatrix/training';
import { median } from './timing.ts';

/** The whole sampler against the bare session fed the same noise, at batch 64. */
export async function benchSampler() {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-bench-'));
  try {
    const run = join(folder, 'run');
    const common = {
      reportEvery: 10,
      evaluateEvery: 10,
      checkpointEvery: 10,
      engine: 'onnx',
      device: 'cpu',
    } as const;
    await runTraining(run, {
      family: 'vae',
      options: {},
      data: { name: 'glyphs' },
      seed: 1,
      steps: 10,
      batchSize: 50,
      learningRate: 1e-3,
      schedule: 'constant',
      ...common,
    });
    const bundle = join(folder, 'bundle');
    await exportRun(run, bundle, ['onnx'], 'bench');
    const sampler = await loadSampler(bundle, { device: 'cpu' });
    const count = 64;
    const whole = await median(() => sampler.sample({ count, seed: 1, batchSize: count }));
    const executor = await createExecutor('cpu');
    const program = await executor.load('sample', await readFile(join(bundle, 'sample.onnx')));
    const specs = sampler.manifest.programs.sample!.inputs;
    const inputs = fillInputs('sample', specs, { seed: 1, firstIndex: 0, count });
    const bare = await median(() => program.run(inputs));
    console.log(
      `sampling 64 images: sampler ${whole.toFixed(3)} ms, bare session ${bare.toFixed(3)} ms, ` +
        `${((100 * bare) / whole).toFixed(0)} % of its throughput`,
    );
    await program.release();
    await sampler.release();
  } finally {
    await rm(folder, { recursive: true });
  }
}
