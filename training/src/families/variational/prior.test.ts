import { tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { NoiseSpec } from '../../model/model.ts';
import { stirredModel } from '../../testing/sampler-test-support.ts';
import { describeData, tinyImages } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';
import { strongState } from './posterior.test-support.ts';
import { type Prior, type PriorOptions, priorOf } from './prior.ts';

beforeAll(() => tf.setBackend('cpu'));

const images = tinyImages(20, [2, 2, 1]);

/** The prior of two-dimensional codes, over encodings that a made-up table gives. */
function priorWith(prior: PriorOptions['prior']): Prior {
  const options = { latent: 2, prior, pseudoInputs: 3, priorCouplings: 3, priorHidden: [6] };
  return priorOf(options, describeData(images), (_, x) => ({
    mean: tf.slice(x, [0, 0], [x.shape[0]!, 2]),
    logStd: tf.sub(tf.slice(x, [0, 2], [x.shape[0]!, 2]), 1),
  }));
}

const kinds = ['normal', 'vamp', 'flow'] as const;

/** Cells of a grid over the plane of codes, and the density at each. */
function overGrid(prior: Prior) {
  const [reach, cells] = [9, 220];
  const width = (2 * reach) / cells;
  const at = (i: number) => -reach + (i + 0.5) * width;
  const points = Float32Array.from({ length: 2 * cells * cells }, (_, k) =>
    at(k % 2 === 0 ? Math.floor(k / 2) % cells : Math.floor(k / 2 / cells)),
  );
  const logProb = tf.sum(
    prior.logProb(strongState(prior.specs, 0.7), tf.tensor2d(points, [cells * cells, 2])),
    1,
  );
  const mass = Float64Array.from(logProb.dataSync(), (value) => Math.exp(value) * width * width);
  return { points, mass };
}

/** Mean and second moments of points of the plane, by their weights. */
function moments(points: ArrayLike<number>, weights: ArrayLike<number>): number[] {
  const sums = [0, 0, 0, 0, 0];
  for (let i = 0; i < weights.length; i++) {
    const [x, y] = [points[2 * i]!, points[2 * i + 1]!];
    for (const [k, value] of [x, y, x * x, x * y, y * y].entries()) sums[k]! += weights[i]! * value;
  }
  return sums;
}

describe.each(kinds)('the prior %s', (kind) => {
  it('is a density: it integrates to 1', () => {
    const { mass } = overGrid(priorWith(kind));
    expect(mass.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 2);
  });

  it('is what its draws are from: they have its mean and its second moments', () => {
    const prior = priorWith(kind);
    const { points, mass } = overGrid(prior);
    const count = 40_000;
    const noise = (stream: string, distribution: NoiseSpec['distribution'], width: number) =>
      tf.tensor2d(fillNoise({ distribution, seed: 3, stream, firstIndex: 0, count, shape: [width] }), [
        count,
        width,
      ]);
    const extra = Object.fromEntries(
      Object.entries(prior.noise).map(([name, { distribution, shape }]) => [
        name,
        noise(name, distribution, shape[0]!),
      ]),
    );
    const state = strongState(prior.specs, 0.7);
    const drawn = prior.draw(state, noise('z', 'normal', 2), extra).dataSync();
    const found = moments(drawn, new Float64Array(count).fill(1 / count));
    for (const [k, expected] of moments(points, mass).entries()) {
      // The deviation of a mean of 40,000 values of about 3 is 0.015.
      expect(Math.abs(found[k]! - expected)).toBeLessThan(0.06);
    }
  });
});

it('pseudo-inputs start as examples', async () => {
  const { model } = buildModel(
    familyNamed('vae'),
    { latent: 2, hidden: [4], prior: 'vamp', pseudoInputs: 4 },
    describeData(images),
  );
  const { state } = await stirredModel(
    'vae',
    { latent: 2, hidden: [4], prior: 'vamp', pseudoInputs: 4 },
    images,
    0,
  );
  expect(model.state['prior/pseudoInputs']!.shape).toEqual([4, 4]);
  const { data } = await images.gather([0, 5, 10, 15]);
  expect([...state['prior/pseudoInputs']!.data]).toEqual([...data]);
});

it.each([
  ['vamp over a flow', { prior: 'vamp', posterior: 'iaf' }, /prior vamp is a mixture of Gaussian posteriors/],
  ['a flow over one dimension', { prior: 'flow', latent: 1 }, /prior flow needs a latent of at least 2/],
])('refuses %s in one line', (_, options, message) => {
  expect(() => buildModel(familyNamed('vae'), options, describeData(images))).toThrow(message);
});
