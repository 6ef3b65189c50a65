import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf, traceExported, writeOnnx } from '@generatrix/export';
import { createExecutor, fillInputs, loadSampler } from '@generatrix/runtime';
import {
  batchPlan,
  bindState,
  buildModel,
  type Dataset,
  exportRun,
  families,
  familyNamed,
  initialState,
  loadDataset,
  type Model,
  onnxEngine,
  runTraining,
  stepInputs,
  tfjsEngine,
  toTensor,
} from '@generatrix/training';
import { Bench } from 'tinybench';

/** Median milliseconds of a task, after a warm-up. */
async function median(task: () => Promise<unknown>, milliseconds = 3000): Promise<number> {
  const bench = new Bench({ time: milliseconds, warmupTime: 500 });
  bench.add('task', async () => {
    await task();
  });
  await bench.run();
  const result = bench.tasks[0]!.result;
  if (!('latency' in result)) throw new Error('the benchmark did not finish');
  return result.latency.p50;
}

function modelFor(family: string, options: Record<string, unknown>, dataset: Dataset): Model {
  const data = { spec: dataset.spec, classNames: dataset.classNames };
  return buildModel(familyNamed(family), options, data).model;
}

/** One training step, compiled and eager, on the same inputs. */
async function benchStep(
  title: string,
  options: Record<string, unknown>,
  batchSize: number,
  dataset: Dataset,
) {
  const model = modelFor('vae', options, dataset);
  const plan = batchPlan(model.batching, dataset.size, batchSize, 1);
  const inputs = stepInputs(model, dataset, plan(0), { seed: 1, step: 0, learningRate: 1e-3 });
  const times: Record<string, number> = {};
  for (const engine of [onnxEngine('cpu'), tfjsEngine(() => {})]) {
    const trainer = await engine.prepare(model, { batchSize, dataShape: dataset.spec.shape });
    await trainer.setState(initialState(model, 1));
    if (engine.name === 'onnx') times.onnx = await median(() => trainer.step(inputs));
    else {
      const started = performance.now();
      await trainer.step(inputs);
      times.tfjs = performance.now() - started;
    }
    await trainer.release();
  }
  const ratio = times.tfjs! / times.onnx!;
  console.log(
    `${title}, batch ${batchSize}: compiled ${times.onnx!.toFixed(2)} ms, eager tfjs-CPU ${times.tfjs!.toFixed(0)} ms, ` +
      `${ratio.toFixed(0)} times faster`,
  );
}

/** Tracing and writing every program of a model with fresh weights. */
async function benchExport(dataset: Dataset) {
  for (const { name } of families) {
    const model = modelFor(name, {}, dataset);
    await tf.setBackend('cpu');
    const state = Object.fromEntries(
      Object.entries(initialState(model, 1)).map(([key, tensor]) => [key, toTensor(tensor)]),
    );
    const started = performance.now();
    for (const [program, exported] of Object.entries(bindState(model, state))) {
      writeOnnx(traceExported(program, exported), { name: program });
    }
    console.log(`trace and write ${name}: ${(performance.now() - started).toFixed(0)} ms`);
    tf.dispose(state);
  }
}

/** The whole sampler against the bare session fed the same noise, at batch 64. */
async function benchSampler() {
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

const glyphs = await loadDataset({ name: 'glyphs', split: 'train', seed: 1, size: 500 });
await benchExport(glyphs);
await benchSampler();
await benchStep('MLP VAE step', {}, 100, glyphs);
await benchStep('convolutional VAE step', { architecture: 'conv' }, 32, glyphs);
