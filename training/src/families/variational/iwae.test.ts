import { type NamedTensors, tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, expect, it } from 'vitest';
import { toTensor } from '../../engine/tfjs-engine.ts';
import type { Model } from '../../model/model.ts';
import { stirredModel } from '../../testing/sampler-test-support.ts';
import { firstExamples, tinyImages } from '../../testing/tiny-data.ts';

beforeAll(() => tf.setBackend('cpu'));

const dataset = tinyImages(40, [2, 3, 1]);
const batch = 4;
const latent = 2;

async function modelOf(importanceSamples: number): Promise<{ model: Model; state: NamedTensors }> {
  const options = { latent, hidden: [8], importanceSamples };
  const { model, state } = await stirredModel('iwae', options, dataset, 2);
  return { model, state: Object.fromEntries(Object.entries(state).map(([name, x]) => [name, toTensor(x)])) };
}

const noiseOf = (distribution: 'normal' | 'uniform', shape: number[], seed: number) =>
  tf.tensor(fillNoise({ distribution, seed, stream: 'test', firstIndex: 0, count: batch, shape }), [
    batch,
    ...shape,
  ]);

/** What a step at rate 0 reports, given noise. */
async function reportOf({ model, state }: Awaited<ReturnType<typeof modelOf>>, noise: NamedTensors) {
  const { metrics } = model.step.run({
    state,
    data: toTensor(await firstExamples(dataset, batch)),
    label: tf.zeros([batch], 'int32'),
    conditions: {},
    weight: tf.ones([batch]),
    noise,
    learningRate: tf.scalar(0),
    epochEnd: tf.scalar(0),
  });
  return Object.fromEntries(Object.entries(metrics).map(([name, x]) => [name, x.dataSync()[0]!]));
}

it.each([1, 2, 7])(
  'the loss is that of the weights that `logWeight` gives, each code by itself: k = %i',
  async (k) => {
    const made = await modelOf(k);
    const uniform = noiseOf('uniform', [2, 3, 1], 1);
    const eps = noiseOf('normal', [k, latent], 2);
    const report = await reportOf(made, { uniform, eps });
    const data = toTensor(await firstExamples(dataset, batch));
    const logWeights = Array.from({ length: k }, (_, i) => {
      const one = tf.reshape(tf.slice(eps, [0, i, 0], [batch, 1, latent]), [batch, latent]);
      const { logWeight } = made.model.programs.logWeight!.run(made.state, { data, uniform, eps: one });
      return logWeight!.dataSync();
    });
    const rows = Array.from({ length: batch }, (_, n) => logWeights.map((values) => Math.exp(values[n]!)));
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    const square = (values: readonly number[]) => mean(values.map((value) => value * value));
    expect(report.loss).toBeCloseTo(-mean(rows.map((row) => Math.log(mean(row)))), 4);
    expect(report.elbo).toBeCloseTo(mean(rows.map((row) => mean(row.map(Math.log)))), 4);
    expect(report.effectiveSamples).toBeCloseTo(
      mean(rows.map((row) => (k * mean(row) ** 2) / square(row))),
      3,
    );
    if (k === 1) expect(report.loss).toBeCloseTo(-report.elbo!, 5);
  },
);

it('more samples give a tighter bound, below the log-likelihood', async () => {
  const uniform = noiseOf('uniform', [2, 3, 1], 1);
  const bounds: number[] = [];
  for (const k of [1, 4, 16, 1000]) {
    const made = await modelOf(k);
    // The mean over several draws of all codes: the few of a small k are noisy.
    const draws = Array.from({ length: k > 100 ? 1 : 40 }, (_, i) => noiseOf('normal', [k, latent], 10 + i));
    const losses: number[] = [];
    for (const eps of draws) losses.push((await reportOf(made, { uniform, eps })).loss!);
    bounds.push(-losses.reduce((a, b) => a + b, 0) / losses.length);
  }
  const [one, four, sixteen, exact] = bounds as [number, number, number, number];
  expect(four).toBeGreaterThan(one);
  expect(sixteen).toBeGreaterThan(four);
  expect(exact).toBeGreaterThan(sixteen);
  expect(exact - one).toBeGreaterThan(0.05);
});

it('the doubly reparameterised gradient has the mean of the plain one, and less noise', async () => {
  const k = 16;
  const gradientsOf = async (gradient: string) => {
    const { model, state } = await stirredModel(
      'iwae',
      { latent, hidden: [8], importanceSamples: k, gradient },
      dataset,
      0.5,
    );
    const tensors = Object.fromEntries(Object.entries(state).map(([name, x]) => [name, toTensor(x)]));
    const data = toTensor(await firstExamples(dataset, batch));
    const uniform = noiseOf('uniform', [2, 3, 1], 1);
    const name = 'encoder/mean/kernel';
    // After one step from empty slots, Adam's first moment is a tenth of the gradient.
    const empty = Object.fromEntries(
      Object.entries(tensors).map(([key, x]) => [key, key.startsWith('adam/') ? tf.zerosLike(x) : x]),
    );
    return Array.from({ length: 300 }, (_, i) =>
      tf.tidy(() => {
        const { state: next } = model.step.run({
          state: empty,
          data,
          label: tf.zeros([batch], 'int32'),
          conditions: {},
          weight: tf.ones([batch]),
          noise: { uniform, eps: noiseOf('normal', [k, latent], 100 + i) },
          learningRate: tf.scalar(0),
          epochEnd: tf.scalar(0),
        });
        return [...tf.mul(10, next[`adam/mean/${name}`]!).dataSync()];
      }),
    );
  };
  const [plain, doubly] = [await gradientsOf('reparameterised'), await gradientsOf('doubly')];
  const summary = (draws: readonly number[][], j: number) => {
    const values = draws.map((draw) => draw[j]!);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
    return { mean, error: Math.sqrt(variance / values.length) };
  };
  let [noise, less] = [0, 0];
  for (let j = 0; j < plain[0]!.length; j++) {
    const [a, b] = [summary(plain, j), summary(doubly, j)];
    expect(Math.abs(a.mean - b.mean), `entry ${j}`).toBeLessThan(5 * Math.hypot(a.error, b.error) + 1e-6);
    noise += a.error ** 2;
    less += b.error ** 2;
  }
  expect(less).toBeLessThan(noise);
});
