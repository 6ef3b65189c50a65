import { expect, test } from 'vitest';
import { openBundle } from '../bundle/bundle.ts';
import { createExecutor } from '../ort/ort-node.ts';
import { hostTensor } from '../program/tensor.ts';
import { memorySource, type TestProgram, testBundle } from '../testing/bundle.ts';
import { canInterpolateSeeds, canReconstruct, canStream, densityOf } from './abilities.ts';
import { createSampler } from './sampler.ts';

const samplerOf = async (...programs: TestProgram[]) =>
  createSampler(
    await openBundle(memorySource(testBundle(programs).files)),
    await createExecutor('cpu', { threads: 1 }),
  );

test('a density is exact where there is logProb, whatever else there is; names of Object are no programs', () => {
  expect(densityOf({ logWeight: 1, logProb: 1 })).toEqual({ program: 'logProb', kind: 'exact' });
  expect(densityOf({ logWeight: 1 })).toEqual({ program: 'logWeight', kind: 'bound' });
  expect(densityOf({ sample: 1 })).toBeUndefined();
  expect(densityOf(Object.create({ logProb: 1 }) as Record<string, unknown>)).toBeUndefined();
});

test.each<[TestProgram[], boolean, boolean]>([
  [['encode', 'decode'], true, false],
  [['reconstruct'], true, false],
  [['encode'], false, false],
  [['sample', 'decode'], false, true],
])('%s: reconstructs %s, has a way between seeds %s', (programs, reconstructs, interpolates) => {
  const model = testBundle(programs);
  expect([canReconstruct(model), canInterpolateSeeds(model), canStream(model)]).toEqual([
    reconstructs,
    interpolates,
    false,
  ]);
});

test('an example is reconstructed by the program for it, else by encoding and decoding', async () => {
  const x = hostTensor('float32', [2, 3], [1, 2, 3, 4, 5, 6]);
  const both = await samplerOf('encode', 'decode');
  expect([...(await both.reconstruct(x)).data]).toEqual([1, 2, 3, 4, 5, 6]);
  await both.release();
  const own = await samplerOf('reconstruct', 'encode', 'decode');
  expect([...(await own.reconstruct(x)).data]).toEqual([3, 6, 9, 12, 15, 18]);
  await own.release();
  const neither = await samplerOf('sample');
  await expect(neither.reconstruct(x)).rejects.toThrow(/no program 'encode'/);
  await neither.release();
});

test('batches are told of as they are done, and waited for; a signal stops between them', async () => {
  const sampler = await samplerOf('sample');
  const told: number[][] = [];
  const stop = new AbortController();
  const request = { count: 7, seed: 1, batchSize: 3 };
  await sampler.sample({ ...request, onBatch: (done, of) => void told.push([done, of]) });
  expect(told).toEqual([
    [3, 7],
    [6, 7],
    [7, 7],
  ]);
  told.length = 0;
  const onBatch = async (done: number, of: number) => {
    await Promise.resolve();
    told.push([done, of]);
    stop.abort(new Error('enough'));
  };
  await expect(sampler.sample({ ...request, signal: stop.signal, onBatch })).rejects.toThrow('enough');
  expect(told).toEqual([[3, 7]]);
  await sampler.release();
});
