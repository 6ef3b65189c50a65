import type { Sampler } from '@generatrix/runtime';
import { drawLabels } from '@generatrix/runtime/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportedSampler, stirredModel } from '../testing/sampler-test-support.ts';
import { labelled, tinyImages, tinyPoints } from '../testing/tiny-data.ts';
import { generatorOf } from './inversion/generator.ts';
import { samplerSource } from './sample-source.ts';

describe('a VAE of points', () => {
  const std = 0.7;
  const request = { count: 4000, seed: 3 };
  let sampler: Sampler;
  beforeAll(async () => {
    const dataset = tinyPoints(40);
    const { model, state } = await stirredModel('vae', { latent: 2, hidden: [8], outputStd: std }, dataset);
    sampler = await exportedSampler(model, state, dataset);
  });
  afterAll(() => sampler.release());

  it('is judged by draws, or by means when asked: they differ by the noise of the likelihood', async () => {
    const { data: drawn } = await samplerSource(sampler).draw(request);
    const { data: means } = await samplerSource(sampler, { draw: 'mean' }).draw(request);
    const noise = drawn.data.map((value, i) => value - means.data[i]!);
    const [mean, square] = [1, 2].map(
      (power) => Array.from(noise, (value) => value ** power).reduce((a, b) => a + b, 0) / noise.length,
    ) as [number, number];
    expect(Math.abs(mean)).toBeLessThan((4 * std) / Math.sqrt(noise.length));
    expect(Math.abs(square - std ** 2)).toBeLessThan(4 * Math.sqrt(2 / noise.length) * std ** 2);
  });

  it('has a decoder of codes with a known prior, though its samples take other noise besides', () => {
    expect(samplerSource(sampler).decoder?.latentShape).toEqual([2]);
  });
});

describe('a VAE whose prior is learned', () => {
  it.each(['vamp', 'flow'])('has no decoder of codes that are standard normal: %s', async (prior) => {
    const dataset = tinyPoints(40);
    const options = { latent: 2, hidden: [8], prior, pseudoInputs: 3, priorCouplings: 1, priorHidden: [4] };
    const { model, state } = await stirredModel('vae', options, dataset);
    expect(generatorOf(model)).toBeNull();
    const sampler = await exportedSampler(model, state, dataset);
    expect(samplerSource(sampler).decoder).toBeUndefined();
    await sampler.release();
  });

  it('nor has one whose prior is told a class', async () => {
    const dataset = labelled(tinyPoints(40), 2);
    const { model, state } = await stirredModel('cvae', { latent: 2, hidden: [8] }, dataset);
    const sampler = await exportedSampler(model, state, dataset);
    expect(samplerSource(sampler).decoder).toBeUndefined();
    await sampler.release();
  });
});

describe('a model with classes', () => {
  const dataset = labelled(tinyImages(24, [8, 8, 1]), 3);
  let sampler: Sampler;
  beforeAll(async () => {
    const { model, state } = await stirredModel('cgan', { latent: 3, filters: [3, 4] }, dataset);
    sampler = await exportedSampler(model, state, dataset);
  });
  afterAll(() => sampler.release());

  it('draws classes by the frequencies it is given, and is asked for just these', async () => {
    const classFrequencies = [0.6, 0.1, 0.3];
    const key = { seed: 5, firstIndex: 7, count: 50 };
    const { labels, data } = await samplerSource(sampler, { classFrequencies }).draw(key);
    expect(labels).toEqual(drawLabels(classFrequencies, key));
    expect(data).toEqual((await sampler.sample({ ...key, label: labels! })).data);
  });

  it('takes turns without frequencies, or with those of other classes', async () => {
    for (const options of [{}, { classFrequencies: [0.5, 0.5] }]) {
      const { labels } = await samplerSource(sampler, options).draw({ seed: 5, firstIndex: 1, count: 5 });
      expect([...labels!]).toEqual([1, 2, 0, 1, 2]);
    }
  });
});
