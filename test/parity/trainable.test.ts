import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type Bundle,
  createExecutor,
  decodeSafetensors,
  type HostTensor,
  loadSampler,
  openFolder,
} from '@generatrix/runtime';
import {
  bindWeights,
  bundledExamples,
  trainBundle,
  trainedBundle,
  trainingJson,
  trainingOf,
} from '@generatrix/runtime/train';
import { exportRun, type RunSettings, runTraining } from '@generatrix/training';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const examples = 60;
const steps = 12;
const models: { name: string; settings: Pick<RunSettings, 'family' | 'options' | 'data'> }[] = [
  {
    name: 'a VAE, whose start is drawn',
    settings: {
      family: 'vae',
      options: { hidden: [16], latent: 3 },
      data: { name: 'glyphs', size: examples },
    },
  },
  {
    name: 'a mixture, whose start comes from the data',
    settings: { family: 'gmm', options: { components: 3 }, data: { name: 'moons', size: examples } },
  },
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-trainable-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe.each(models)('$name', ({ settings }) => {
  const { family } = settings;
  let bundle: Bundle;
  /** The state after the last step, as the training run saved it. */
  let trained: Record<string, HostTensor>;

  beforeAll(async () => {
    const run = join(folder, `${family}-run`);
    await runTraining(run, {
      ...settings,
      seed: 5,
      steps,
      batchSize: 20,
      learningRate: 1e-3,
      schedule: 'constant',
      engine: 'onnx',
      device: 'cpu',
      reportEvery: 4,
      evaluateEvery: steps,
      checkpointEvery: steps,
    });
    const out = join(folder, family);
    await exportRun(run, out, ['shared'], 'onnx', { examples });
    bundle = await openFolder(out);
    trained = decodeSafetensors(await bundle.readFile(trainingOf(bundle).trained), 'state').tensors;
  });

  const trainer = async (from: 'fresh' | 'trained') =>
    trainBundle(bundle, await createExecutor('cpu'), {
      examples: (await bundledExamples(bundle))!,
      seed: 5,
      from,
    });

  it('trained anew from the bundle alone, it ends in the state of the run, bit for bit', async () => {
    const anew = await trainer('fresh');
    for (let step = 0; step < steps; step++) {
      expect(Number.isFinite((await anew.advance()).loss)).toBe(true);
    }
    const state = await anew.state();
    await anew.release();
    expect(state).toEqual(trained);
  });

  it('its file calls the distributions of noise and of starting values law, as those of earlier releases do', async () => {
    const text = new TextDecoder().decode(await bundle.source.read('model.json'));
    const { training } = JSON.parse(text) as { training: unknown };
    expect(JSON.stringify(training)).not.toContain('"distribution"');
    expect(training).toEqual(trainingJson(trainingOf(bundle)));
    if (family === 'vae') {
      expect(training).toMatchObject({ noise: { eps: { law: 'normal' } } });
      expect(Object.values(trainingOf(bundle).noise)[0]).toMatchObject({ distribution: 'normal' });
    }
  });

  it('its programs with the state as inputs give what the programs with weights inside give', async () => {
    const from = await trainer('trained');
    const sources = { seed: 9, firstIndex: 0, count: 4 };
    const { data } = await from.run('sample', sources);
    await from.release();
    const sampler = await loadSampler(join(folder, family), { device: 'cpu' });
    const { data: expected } = await sampler.sample({ count: 4, seed: 9 });
    await sampler.release();
    // Constants that were computed at export round as tfjs does, here as onnxruntime does.
    for (const [i, value] of expected.data.entries()) expect(data!.data[i]).toBeCloseTo(value, 5);
  });

  it('the bundle written with another state samples from that state, and can be trained on', async () => {
    const further = await trainer('trained');
    for (let step = 0; step < 3; step++) await further.advance();
    const state = await further.state();
    const { data: expected } = await further.run('sample', { seed: 3, firstIndex: 0, count: 4 });
    await further.release();
    const files = await trainedBundle(bundle, state, {
      steps: steps + 3,
      seed: 5,
      engine: 'test',
      dataset: 'glyphs',
      metrics: {},
    });
    const out = join(folder, `${family}-further`);
    for (const [path, bytes] of Object.entries(files)) {
      await mkdir(dirname(join(out, path)), { recursive: true });
      await writeFile(join(out, path), bytes);
    }
    const sampler = await loadSampler(out, { device: 'cpu' });
    const { data } = await sampler.sample({ count: 4, seed: 3 });
    expect(sampler.manifest.provenance.steps).toBe(steps + 3);
    await sampler.release();
    for (const [i, value] of expected!.data.entries()) expect(data.data[i]).toBeCloseTo(value, 5);
    const again = await openFolder(out);
    const kept = await again.readFile(trainingOf(again).trained);
    expect(decodeSafetensors(kept, 'state').tensors).toEqual(state);
  });
});

it('weights can only be bound into an ONNX model', () => {
  expect(() => bindWeights(new TextEncoder().encode('not a model at all'), {})).toThrow('ONNX model');
});

it('a bundle without a training step says so', async () => {
  const run = join(folder, 'plain-run');
  const plain = { ...models[1]!.settings, seed: 1, steps: 2, batchSize: 20, learningRate: 1e-3 };
  await runTraining(run, {
    ...plain,
    schedule: 'constant',
    engine: 'onnx',
    device: 'cpu',
    reportEvery: 1,
    evaluateEvery: 2,
    checkpointEvery: 2,
  });
  await expect(bundledExamples(await openFolder(run))).rejects.toThrow('--trainable');
});
