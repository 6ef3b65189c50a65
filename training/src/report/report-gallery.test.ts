import { join } from 'node:path';
import { loadSampler } from '@generatrix/runtime';
import { type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { imageGrid } from '@generatrix/runtime/media';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { loadDataset } from '../data/index.ts';
import { parseSettings } from '../record/settings.ts';
import { bundleFolder } from '../run/finish.ts';
import { runTraining } from '../run/run-training.ts';
import { folderOf } from '../testing/test-support.ts';
import { type Figure, modelGalleries, progressGallery } from './report-gallery.ts';

async function trained(family: string, data: string, options: object): Promise<string> {
  const run = join(await folderOf({}), family);
  const settings = parseSettings(
    {
      family,
      options,
      data: { name: data, size: 100 },
      seed: 1,
      steps: 4,
      batchSize: 10,
      learningRate: 1e-3,
      engine: 'onnx',
      device: 'cpu',
      reportEvery: 1,
      evaluateEvery: 1,
      checkpointEvery: 4,
    },
    'test',
  );
  await runTraining(run, settings);
  return run;
}

async function pixels(figure: Figure): Promise<Buffer> {
  if (!('png' in figure)) throw new Error('no picture');
  return sharp(figure.png).greyscale().raw().toBuffer();
}

const grid = (images: HostTensor, columns?: number) =>
  Buffer.from(imageGrid(images, { range: [0, 1], scale: 2, ...(columns ? { columns } : {}) }).data);

test('a VAE is shown by samples, real examples, reconstructions and the course of its samples', async () => {
  const run = await trained('vae', 'digits8', { latent: 2, hidden: [8] });
  const real = await loadDataset({ name: 'digits8', split: 'test', seed: 1, size: 100 });
  const galleries = await modelGalleries(bundleFolder(run), real);
  expect(galleries.map(({ title }) => title)).toEqual(['Samples and real examples', 'Reconstructions']);
  const [samples, examples] = galleries[0]!.figures;
  const sampler = await loadSampler(bundleFolder(run), { device: 'cpu' });
  const { data } = await sampler.sample({ count: 64, seed: 42 });
  expect((await pixels(samples!)).equals(grid(data))).toBe(true);
  const shown = await real.gather(Int32Array.from({ length: 64 }, (_, i) => i));
  expect((await pixels(examples!)).equals(grid(shown))).toBe(true);

  // Two rows of eight: examples 0 to 7, and what the model makes of them.
  const before = await real.gather(Int32Array.from({ length: 32 }, (_, i) => i));
  const after = await sampler.decode(await sampler.encode(before));
  await sampler.release();
  const firstRow = [before, after].flatMap(({ data }) => Array.from(data.subarray(0, 8 * 64)));
  const expected = grid(hostTensor('float32', [16, 8, 8, 1], new Float32Array(firstRow)), 8);
  const made = await pixels(galleries[1]!.figures[0]!);
  expect(made.subarray(0, expected.length).equals(expected)).toBe(true);
  expect(made).toHaveLength(4 * expected.length);

  const [progress] = await progressGallery(join(run, 'samples'));
  expect(progress!.figures.map(({ caption }) => caption)).toEqual([
    'Samples after step 1',
    'Samples after step 2',
    'Samples after step 4',
  ]);
});

test('a model that only samples has no reconstructions', async () => {
  const run = await trained('gan', 'ring8', { latent: 2, hidden: [8] });
  const real = await loadDataset({ name: 'ring8', split: 'test', seed: 1, size: 100 });
  const galleries = await modelGalleries(bundleFolder(run), real);
  expect(galleries.map(({ title }) => title)).toEqual(['Samples and real examples']);
  expect(galleries[0]!.figures.map(({ caption }) => caption)).toEqual([
    'Samples of the exported model, step 4',
    'Real examples (test data)',
  ]);
});

test('no samples, no gallery', async () => {
  expect(await progressGallery('/nowhere/samples')).toEqual([]);
});
