import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTraining } from '@generatrix/training';
import { folderOf } from '@generatrix/training/testing';
import { expect, test, vi } from 'vitest';

/** An IDX file of bytes: type 8, the sizes big-endian, the values. */
function idx(shape: readonly number[], values: (index: number) => number): Uint8Array {
  const sizes = shape.flatMap((size) => [size >>> 24, (size >>> 16) & 255, (size >>> 8) & 255, size & 255]);
  const count = shape.reduce((product, size) => product * size, 1);
  return Uint8Array.from([
    0,
    0,
    8,
    shape.length,
    ...sizes,
    ...Array.from({ length: count }, (_, i) => values(i)),
  ]);
}

test('training never opens the test split: its files may be missing or no IDX files at all', async () => {
  vi.spyOn(console, 'log').mockReturnValue();
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const train = {
    'data/train-images-idx3-ubyte': idx([12, 2, 2], (i) => (37 * i) % 256),
    'data/train-labels-idx1-ubyte': idx([12], (i) => i % 10),
  };
  const broken = { 'data/t10k-images-idx3-ubyte': 'no images', 'data/t10k-labels-idx1-ubyte': 'no labels' };
  const scores = [];
  for (const files of [train, { ...train, ...broken }]) {
    const folder = await folderOf(files);
    const run = join(folder, 'run');
    const result = await runTraining(run, {
      ...{ family: 'gmm', options: { components: 2, covariance: 'diagonal' }, seed: 1, steps: 2 },
      ...{ data: { name: 'mnist', dir: join(folder, 'data') }, batchSize: 5, learningRate: 0 },
      ...{
        engine: 'onnx',
        device: 'cpu',
        reportEvery: 1,
        evaluateEvery: 1,
        checkpointEvery: 1,
        keep: 'best',
      },
    });
    scores.push(result.heldOut);
    const manifest = JSON.parse(await readFile(join(run, 'bundle', 'model.json'), 'utf8')) as {
      description: unknown;
      provenance: { checkpoint: unknown };
    };
    expect(manifest.description).toEqual({
      title: 'Gaussian mixture',
      taxonomy: ['explicit density', 'tractable', 'mixture'],
      equation: 'p(x) = Σ_k π_k N(x; μ_k, Σ_k)',
      sources: expect.arrayContaining([expect.stringContaining('Dempster')]) as unknown,
    });
    expect(manifest.provenance.checkpoint).toMatchObject({
      ...{ kept: 'best', score: { metric: 'heldOut/logProb' } },
    });
  }
  expect(scores[0]).toBeTypeOf('number');
  expect(scores[1]).toBe(scores[0]);
  vi.restoreAllMocks();
});
