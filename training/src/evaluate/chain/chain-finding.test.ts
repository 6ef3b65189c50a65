import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf } from '@generatrix/export';
import { hostTensor, randomStream } from '@generatrix/runtime/core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadDataset } from '../../data/catalogue.ts';
import type { Dataset } from '../../data/index.ts';
import { exportedSampler, stirredModel } from '../../testing/sampler-test-support.ts';
import { isSkipped } from '../diagnostic.ts';
import { diagnosticsNamed, evaluate } from '../evaluate.ts';
import { type SampleSource, type SourceChain, samplerSource } from '../sample-source.ts';
import { datasetSource } from '../test-support.ts';

let folder: string;
let train: Dataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-chain-'));
  train = await loadDataset({ name: 'digits8', split: 'train', size: 300 });
  await tf.setBackend('cpu');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function outcomeOf(source: SampleSource) {
  const request = {
    ...{ source, train, setApart: train, test: train, count: 20, seed: 5, againstTrain: false },
    ...{ cacheFolder: join(folder, 'cache'), effort: 'quick' as const, runFolder: null },
  };
  const { reported } = await evaluate(request, diagnosticsNamed(['chain']));
  const { outcome } = reported[0]!;
  if (isSkipped(outcome)) throw new Error(outcome.skipped);
  return outcome;
}

/** Chains of images whose values follow x' = rho x + noise, about a place of each chain's own. */
function autoregressive(rho: number, apart: number): SourceChain {
  return {
    steps: 400,
    walk: async function* ({ count, seed }) {
      const width = 64;
      const random = randomStream(seed, 'autoregressive');
      const x = new Float32Array(count * width);
      for (;;) {
        for (let i = 0; i < x.length; i++) {
          const place = apart * Math.floor(i / width);
          x[i] = place + rho * (x[i]! - place) + Math.sqrt(1 - rho * rho) * random.nextNormal();
        }
        yield hostTensor('float32', [count, 8, 8, 1], x.slice());
      }
    },
  };
}

const withChain = (chain: SourceChain): SampleSource => ({
  ...datasetSource('chain', train, (i) => i % train.size),
  chain,
});

it('chains that mix are said to, with the autocorrelation time that their recursion has', async () => {
  const { finding, figures, charts, pictures } = await outcomeOf(withChain(autoregressive(0.5, 0)));
  expect(finding.verdict).toBe('ok');
  expect(Object.keys(figures)).toEqual(
    expect.arrayContaining(['mean of the values', 'principal component 1', 'principal component 2']),
  );
  // (1 + 0.5) / (1 - 0.5), of a mean that follows the same recursion: 8 chains of 200 steps tell it to about 10 %.
  const { autocorrelationTime } = figures['mean of the values'] as { autocorrelationTime: number };
  expect(Math.abs(autocorrelationTime / 3 - 1)).toBeLessThan(0.4);
  expect(charts).toHaveLength(3);
  expect(charts![0]!.series).toHaveLength(8);
  expect(charts![0]!.steps).toHaveLength(400);
  expect(pictures).toHaveLength(1);
  // Twenty states a row, as large as the report's samples: two pixels for each of an image, one between two images.
  expect(await sharp(pictures![0]!.png).metadata()).toMatchObject({
    ...{ width: 2 * (20 * 9 - 1), height: 2 * (8 * 9 - 1) },
  });
});

it('chains that stay apart, or still, are told', async () => {
  const apart = await outcomeOf(withChain(autoregressive(0.5, 1)));
  expect(apart.finding.verdict).toBe('warning');
  expect(apart.finding.text).toMatch(/^Chains of 400 steps do not mix: R-hat is at most/);
  const still = await outcomeOf(
    withChain({
      steps: 40,
      walk: async function* ({ count }) {
        for (;;) yield hostTensor('float32', [count, 8, 8, 1], new Float32Array(count * 64));
      },
    }),
  );
  expect(still.finding).toEqual({
    verdict: 'problem',
    text: 'Chains do not move: all of their states are the same.',
  });
});

it.each([
  ['rbm', { hidden: 6, sampleSteps: 60, temperatures: 20 }, true],
  ['dbm', { hidden: [6, 4], sampleSteps: 60, temperatures: 20 }, true],
  ['gsn', { hidden: [8], sampleSteps: 60 }, false],
] as const)('of %s it is made, with the free energy where there is one', async (family, options, energy) => {
  const { model, state } = await stirredModel(family, options, train);
  const sampler = await exportedSampler(model, state, train);
  const { figures } = await outcomeOf(samplerSource(sampler));
  expect('free energy' in figures).toBe(energy);
  expect(figures).toMatchObject({ chains: 8, steps: 60, warmUp: 30, sampleSteps: 60 });
  await sampler.release();
});
