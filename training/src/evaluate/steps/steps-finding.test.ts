import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostTensor, randomStream } from '@generatrix/runtime/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadDataset } from '../../data/catalogue.ts';
import type { Dataset } from '../../data/index.ts';
import { isSkipped } from '../diagnostic.ts';
import { diagnosticsNamed, evaluate } from '../evaluate.ts';
import type { SampleSource } from '../sample-source.ts';
import { datasetSource } from '../test-support.ts';

let folder: string;
let moons: Dataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-steps-'));
  moons = await loadDataset({ name: 'moons', split: 'train', size: 200 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Real examples with noise of deviation 2 / steps. */
function roughSource(): SampleSource {
  const real = datasetSource('rough', moons, (i) => (7 * i) % moons.size);
  return {
    ...real,
    inSteps: async ({ count, seed, steps }) => {
      const { data, labels } = await real.draw({ count, seed });
      const random = randomStream(seed, 'rough');
      const values = Float32Array.from(data.data, (value) => value + (2 / steps) * random.nextNormal());
      return { data: hostTensor('float32', data.shape, values), labels };
    },
  };
}

async function outcomeOf(source: SampleSource, steps?: readonly number[]) {
  const request = {
    ...{ source, train: moons, setApart: moons, test: moons, count: 100, seed: 5, againstTrain: false },
    ...{ cacheFolder: join(folder, 'cache'), effort: 'quick' as const, runFolder: null },
    ...(steps && { steps }),
  };
  const { reported } = await evaluate(request, diagnosticsNamed(['steps']));
  return reported[0]!.outcome;
}

test('samples that come nearer with every step are found to, and how many are enough', async () => {
  const outcome = await outcomeOf(roughSource(), [1, 4, 64]);
  if (isSkipped(outcome)) throw new Error(outcome.skipped);
  const { frechetDistance, precision, recall, ...figures } = outcome.figures as Record<string, number[]>;
  expect(figures).toMatchObject({ steps: [1, 4, 64], space: 'values' });
  // Noise of variance 4 in each of two dimensions, about data of variance 0.3 to 0.8: the variances alone add
  // (sqrt(v + 4) - sqrt(v))^2 each, 2 to 2.5.
  expect(frechetDistance![0]).toBeGreaterThan(3);
  expect(frechetDistance![0]).toBeLessThan(6);
  expect(frechetDistance![1]).toBeLessThan(0.3 * frechetDistance![0]!);
  expect(frechetDistance![2]).toBeLessThan(frechetDistance![1]!);
  expect(precision![0]).toBeLessThan(0.3);
  expect(precision![2]).toBeGreaterThan(0.7);
  expect(recall![2]).toBeGreaterThan(0.7);
  expect(outcome.finding.text).toMatch(
    /^Fréchet distance, precision and recall by steps: 1: .*; 4: .*; 64: /,
  );
  expect(outcome.charts!.map(({ steps }) => steps)).toEqual([
    [1, 4, 64],
    [1, 4, 64],
  ]);
});

test('says why there is no curve', async () => {
  expect(await outcomeOf(roughSource())).toEqual({ skipped: expect.stringContaining('--steps 1,2,4,8,16') });
  expect(
    await outcomeOf(
      datasetSource('real', moons, (i) => i % 200),
      [1],
    ),
  ).toEqual({
    skipped: expect.stringContaining('does not draw in a number of steps'),
  });
});
