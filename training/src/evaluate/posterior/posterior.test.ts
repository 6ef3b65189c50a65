import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf } from '@generatrix/export';
import { hostTensor } from '@generatrix/runtime/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadDataset } from '../../data/catalogue.ts';
import type { Dataset } from '../../data/index.ts';
import { exportedSampler, stirredModel } from '../../testing/sampler-test-support.ts';
import { isSkipped, type Outcome, type Skipped } from '../diagnostic.ts';
import { diagnosticsNamed, evaluate } from '../evaluate.ts';
import { type SampleSource, samplerSource } from '../sample-source.ts';
import { datasetSource, rowsFrom } from '../test-support.ts';
import { posteriorStatistics } from './posterior-statistics.ts';

let folder: string;
let moons: Dataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-posterior-'));
  moons = await loadDataset({ name: 'moons', split: 'train', size: 100 });
  await tf.setBackend('cpu');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function outcomeOf(source: SampleSource, data = moons): Promise<Outcome | Skipped> {
  const request = {
    ...{ source, train: data, setApart: data, test: data, count: 20, seed: 5, againstTrain: false },
    ...{ cacheFolder: join(folder, 'cache'), effort: 'quick' as const, runFolder: null },
  };
  const { reported } = await evaluate(request, diagnosticsNamed(['posterior']));
  return reported[0]!.outcome;
}

function found(outcome: Outcome | Skipped): Outcome {
  if (isSkipped(outcome)) throw new Error(outcome.skipped);
  return outcome;
}

/** Examples whose codes have these means, in turn, and this divergence of each dimension. */
const encodedAs = (means: readonly number[], divergences: readonly number[]): SampleSource => ({
  ...datasetSource('codes', moons, (i) => i % moons.size),
  posterior: {
    labelled: false,
    of: async ({ data }) => {
      const n = data.shape[0]!;
      const [rows, width] = [means.length / 2, divergences.length];
      const codes = Float32Array.from({ length: 2 * n }, (_, i) => means[i % (2 * rows)]!);
      const each = Float32Array.from({ length: width * n }, (_, i) => divergences[i % width]!);
      return {
        means: hostTensor('float32', [n, 2], codes),
        divergences: hostTensor('float32', [n, width], each),
      };
    },
  },
});

test('units are active by the variance of their means, by hand', () => {
  // Means 0 and 0.22 about 0.11: variance 0.0121. Means 1 and 1.18 about 1.09: 0.0081, which is not above 0.01.
  const { variances, activeUnits, divergences, divergence } = posteriorStatistics(
    rowsFrom([
      [0, 1],
      [0.22, 1.18],
    ]),
    rowsFrom([
      [1, 0.25],
      [2, 0.75],
    ]),
  );
  expect(variances[0]).toBeCloseTo(0.0121, 7);
  expect(variances[1]).toBeCloseTo(0.0081, 7);
  expect(activeUnits).toBe(1);
  expect(Array.from(divergences)).toEqual([1.5, 0.5]);
  expect(divergence).toBe(2);
});

test('a code that is used is told from one that has collapsed', async () => {
  const used = found(await outcomeOf(encodedAs([0, 5, 2, 5], [1.5, 0])));
  expect(used.finding).toEqual({
    verdict: 'ok',
    text: 'The code is used: 1 of 2 dimensions of the code are active, and it takes 1.5 nats an example.',
  });
  const near = (...values: number[]) => values.map((value) => expect.closeTo(value, 10));
  expect(used.figures).toMatchObject({ activeUnits: 1, units: 2, variances: near(1, 0) });
  expect(used.figures).toMatchObject({ divergence: near(1.5)[0], divergences: near(1.5, 0) });
  expect(used.bars![0]!.series[0]!.values).toEqual(near(1.5, 0));
  expect(found(await outcomeOf(encodedAs([0.1, 0.1], [1e-4, 0]))).finding.verdict).toBe('problem');
  // Means that differ by class alone, as the prior's do, say nothing of the example.
  expect(found(await outcomeOf(encodedAs([0, 5, 2, 5], [1e-4, 0]))).finding.verdict).toBe('problem');
});

test('a prior that ties the dimensions has one divergence, and no bars', async () => {
  const { figures, bars } = found(await outcomeOf(encodedAs([0, 5, 2, 5], [3])));
  expect(figures).toMatchObject({ divergence: expect.closeTo(3, 10), units: 2 });
  expect(figures).not.toHaveProperty('divergences');
  expect(bars).toEqual([]);
});

test('models without such codes are left out', async () => {
  const outcome = await outcomeOf(datasetSource('none', moons, (i) => i));
  expect(isSkipped(outcome) && outcome.skipped).toMatch(/needs a program `divergence`/);
});

test('the divergences of a bundle are those of its encoder, in closed form', async () => {
  const options = { latent: 3, hidden: [6] };
  const { model, state } = await stirredModel('vae', options, moons);
  const sampler = await exportedSampler(model, state, moons);
  try {
    const { figures } = found(await outcomeOf(samplerSource(sampler)));
    const data = await moons.gather(Array.from({ length: moons.size }, (_, i) => i));
    const sources = { seed: 0, firstIndex: 0, count: moons.size, data };
    const { latent, logStd } = await sampler.run('encode', sources);
    let total = 0;
    for (const [i, mean] of latent!.data.entries()) {
      const s = Number(logStd!.data[i]);
      total += (Number(mean) ** 2 + Math.exp(2 * s) - 1 - 2 * s) / 2 / moons.size;
    }
    expect(figures.divergence).toBeCloseTo(total, 3);
    expect(figures.units).toBe(3);
  } finally {
    await sampler.release();
  }
});

test('a model by class is told the classes, and left out where the data has none', async () => {
  const digits = await loadDataset({ name: 'digits8', split: 'train', size: 100 });
  const options = { latent: 2, hidden: [6] };
  const { model, state } = await stirredModel('cvae', options, digits);
  const sampler = await exportedSampler(model, state, digits);
  try {
    expect(found(await outcomeOf(samplerSource(sampler), digits)).figures.units).toBe(2);
    const outcome = await outcomeOf(samplerSource(sampler), { ...digits, labels: null });
    expect(isSkipped(outcome) && outcome.skipped).toMatch(/class of each example/);
  } finally {
    await sampler.release();
  }
});
