import { exportedSampler, firstExamples, stirredModel, tinyImages } from '@generatrix/training/testing';
import { expect, it } from 'vitest';
import { missedByChains, reconstructionError } from './score-dataset.ts';

it('the reconstruction error is the squared distance to what decode makes of the code', async () => {
  const dataset = tinyImages(21);
  const { model, state } = await stirredModel('autoencoder', { latent: 3, hidden: [8] }, dataset);
  const sampler = await exportedSampler(model, state, dataset);
  try {
    const data = await firstExamples(dataset, 20);
    const back = await sampler.decode(await sampler.encode(data));
    const errors = Array.from({ length: 20 }, (_, i) =>
      Array.from({ length: 30 }, (_, k) => (data.data[30 * i + k]! - back.data[30 * i + k]!) ** 2),
    ).map((squares) => squares.reduce((a, b) => a + b, 0));
    const mean = errors.reduce((a, b) => a + b, 0) / 20;
    const variance = errors.reduce((sum, error) => sum + (error - mean) ** 2, 0) / 20;
    const scored = await reconstructionError(sampler, dataset, { limit: 20, seed: 1 });
    expect(scored.count).toBe(20);
    expect(scored.mean).toBeCloseTo(mean, 4);
    expect(scored.standardError).toBeCloseTo(Math.sqrt(variance / 20), 4);
  } finally {
    await sampler.release();
  }
});

it('an estimate is not believed where the data lies below every annealed chain', () => {
  expect(missedByChains({ data: -5, annealed: Float64Array.from([-3, -6, 2]) })).toBeNull();
  expect(missedByChains({ data: -7, annealed: Float64Array.from([-3, -6, 2]) })).toBe(
    'the data has a free energy of -7.0 nats, every one of 3 annealed chains a higher one, -6.0 or more: they have not found where the data lies, so that log Z is too low and the likelihood too high',
  );
});
