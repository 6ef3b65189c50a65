import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DatasetPlugin, defineDataset, defineFamily, gradientModel, tf, z } from '@generatrix/training';
import { readMetrics } from '@generatrix/training/record';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { evaluate, exportBundle, loadSampler, resume, serve, train } from './index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-api-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A Gaussian of variance 1, whose mean is learned. */
const unit = defineFamily({
  name: 'unit-gaussian',
  title: 'Gaussian of variance 1',
  taxonomy: ['explicit density', 'tractable'],
  equation: 'p(x) = N(x; m, 1)',
  sources: ['Gauss 1809'],
  options: z.strictObject({ start: z.number().default(0) }),
  defaults: { steps: 40, batchSize: 20, learningRate: 0.1 },
  build: ({ start }, { spec }) =>
    gradientModel({
      parameters: { mean: { shape: spec.shape, initial: start } },
      loss: (state, { data }) => ({ loss: tf.mean(tf.square(tf.sub(data, state.mean!))) }),
      programs: {
        sample: {
          signature: {
            inputs: {
              z: { dtype: 'float32', shape: [...spec.shape], role: 'noise', distribution: 'normal' },
            },
            outputs: { data: { dtype: 'float32', shape: [...spec.shape], meaning: 'data' } },
          },
          run: (state, { z }) => ({ data: tf.add(z!, state.mean!) }),
        },
      },
    }),
});

/** Points at (3, -2), all of them. */
const points: DatasetPlugin = defineDataset({
  name: 'one-place',
  summary: 'one point, many times',
  load: () => ({
    spec: { kind: 'points', shape: [2] },
    values: Float32Array.from({ length: 80 }, (_, i) => (i % 2 === 0 ? 3 : -2)),
  }),
});

it('a run tells of steps, samples and checkpoints, stops by a signal, and goes on to what an unbroken one gives', async () => {
  const common = {
    family: unit,
    data: points,
    device: 'cpu',
    checkpointEvery: 10,
    evaluateEvery: 20,
  } as const;
  const stop = new AbortController();
  const [losses, told]: [number[], string[]] = [[], []];
  const out = join(folder, 'stopped');
  const halted = await train({
    ...common,
    out,
    signal: stop.signal,
    on: {
      step: ({ step, metrics }) => {
        losses.push(metrics.loss!);
        if (step === 25) stop.abort();
      },
      samples: ({ step, path }) => told.push(`samples ${step} ${path.slice(out.length)}`),
      checkpoint: ({ step, path }) => told.push(`checkpoint ${step} ${path.slice(out.length)}`),
    },
  });
  expect(halted).toMatchObject({ finished: false, bundle: null, report: null });
  // The first loss is the mean of 3^2 and 2^2, by hand.
  expect(losses[0]).toBeCloseTo(6.5, 5);
  expect(losses).toHaveLength(halted.step);
  expect(told.slice(0, 4)).toEqual([
    'checkpoint 10 /checkpoints/step-0000010.safetensors',
    'samples 20 /samples/step-0000020.png',
    'checkpoint 20 /checkpoints/step-0000020.safetensors',
    `checkpoint ${halted.step} /checkpoints/step-00000${halted.step}.safetensors`,
  ]);
  const done = await resume(out);
  expect(done).toMatchObject({ finished: true, step: 40, bundle: join(out, 'bundle') });
  const whole = await train({ ...common, out: join(folder, 'whole') });
  const last = async (run: string) => (await readMetrics(join(run, 'metrics.jsonl'))).at(-1)!.metrics.loss;
  expect(await last(out)).toBe(await last(whole.folder));
  const sampler = await loadSampler(done.bundle!, { device: 'cpu' });
  const { data } = await sampler.sample({ count: 2000, seed: 1 });
  await sampler.release();
  const drawn = Float64Array.from(data.data as Float32Array);
  const mean = (at: number) => drawn.reduce((sum, value, i) => sum + (i % 2 === at ? value / 2000 : 0), 0);
  // The mean of 2,000 draws of variance 1 is within 0.1 of a mean that 40 steps of 0.1 have nearly reached.
  expect(mean(0)).toBeGreaterThan(2.5);
  expect(mean(1)).toBeLessThan(-1.7);
});

it('what a run gives is judged, exported and served by functions', async () => {
  const run = join(folder, 'whole');
  const judged = await evaluate(run, { metrics: ['convergence'], count: 20, out: join(folder, 'judged') });
  expect(judged).toMatchObject({ model: 'unit-gaussian-one-place', data: 'one-place', samples: 20 });
  expect(JSON.parse(await readFile(join(folder, 'judged/evaluation.json'), 'utf8'))).toEqual(judged);
  const exported = await exportBundle(run, { out: join(folder, 'models/mine'), formats: ['onnx'] });
  expect(exported.step).toBe(40);
  expect(exported.maxRelativeError).toBeLessThan(1e-5);
  const stop = new AbortController();
  const server = await serve(join(folder, 'models'), {
    ...{ port: 0, site: 'none', device: 'cpu', workers: 1, shutdownGraceMs: 0, watch: false },
    signal: stop.signal,
  });
  try {
    const response = await fetch(`${server.url}/v1/models/mine/samples`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ count: 3, seed: 1 }),
    });
    const sampler = await loadSampler(join(folder, 'models/mine'), { device: 'cpu' });
    const { data } = await sampler.sample({ count: 3, seed: 1 });
    await sampler.release();
    const body = JSON.stringify(await response.json());
    for (const value of data.data) expect(body).toContain(String(value).slice(0, 8));
  } finally {
    stop.abort();
    await server.stop();
  }
});

it.each([
  [{ family: 'none' }, /unknown family 'none'/],
  [{ family: 'gmm', stepz: 3 }, /train\(\): stepz: there is no such setting; did you mean steps\?/],
  [{ family: 'gmm', steps: 0 }, /train\(\): steps: expected .*at least 1, got 0/],
  [{ family: 'gmm', preset: 'none' }, /preset: gmm has no 'none', expected one of mnist/],
  [{ family: { ...unit, name: 'gmm' } }, /family 'gmm': there is one of that name already/],
  [{ family: { ...unit, build: 5 } }, /family: expected a family.*build: expected a function, got 5/],
  [
    { family: 'gmm', data: { ...points, name: 'moons' } },
    /data set 'moons': there is one of that name already/,
  ],
])('%o is refused in one line', async (options, line) => {
  await expect(
    train({ out: join(folder, 'bad'), ...options } as Parameters<typeof train>[0]),
  ).rejects.toThrow(line);
});
