import type { Sampler } from '@generatrix/runtime';
import { fillNoise, type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initialState } from '../engine/initial-state.ts';
import type { HostState } from '../model/state.ts';
import { exportedSampler, stirredModel } from '../testing/sampler-test-support.ts';
import { describeData, firstExamples, tinyImages, tinyPoints } from '../testing/tiny-data.ts';
import { buildModel, familyNamed } from './registry.ts';

/** Importance samples of each bound. */
const sizes = [1, 5, 50, 500];
const logTwoPi = Math.log(2 * Math.PI);

interface Gap {
  readonly mean: number;
  readonly standardError: number;
}

/** How far below the log-density the bounds lie, over all examples, for each number of importance samples. */
async function gapsOf(sampler: Sampler, data: HostTensor, logProb: ArrayLike<number>): Promise<Gap[]> {
  const gaps: Gap[] = [];
  for (const samples of sizes) {
    const { values, kind } = await sampler.logProb({ data, samples, seed: 3, batchSize: 500 });
    expect(kind).toBe('bound');
    const each = Array.from(values, (value, i) => logProb[i]! - value);
    const mean = each.reduce((a, b) => a + b, 0) / each.length;
    const variance = each.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / (each.length - 1);
    gaps.push({ mean, standardError: Math.sqrt(variance / each.length) });
  }
  return gaps;
}

/** The bounds rise with the number of samples towards the log-density and stay below it. */
function expectBounds(gaps: readonly Gap[], closest: number): void {
  for (const [i, { mean, standardError }] of gaps.entries()) {
    expect(mean, `${sizes[i]} samples: above log p`).toBeGreaterThan(-3 * standardError);
    if (i > 0) expect(mean, `${sizes[i]} samples against ${sizes[i - 1]}`).toBeLessThan(gaps[i - 1]!.mean);
  }
  // The last bound is tight, so that the ones before it could not hide above log p.
  expect(gaps.at(-1)!.mean).toBeLessThan(closest);
}

describe('a linear Gaussian VAE, whose log-density is known', () => {
  // z ~ N(0, 1), x | z ~ N(w z + b, s^2 I) in the plane: x ~ N(b, w w^T + s^2 I).
  const [w, b, s] = [[0.9, -0.6], [0.3, -0.2], 0.7] as const;
  // The encoder gives N(a . x + c, exp(logStd)^2), which is not the true posterior.
  const [a, c, logStd] = [[0.5, -0.2], 0.1, Math.log(0.8)] as const;
  const dataset = tinyPoints(400);
  let sampler: Sampler;
  let data: HostTensor;

  beforeAll(async () => {
    const options = { latent: 1, hidden: [4], outputStd: s };
    const { model } = buildModel(familyNamed('vae'), options, describeData(dataset));
    // Hidden units in pairs: relu(y) - relu(-y) = y.
    const values: Record<string, number[]> = {
      'encoder/0/kernel': [1, -1, 0, 0, 0, 0, 1, -1],
      'encoder/mean/kernel': [a[0], -a[0], a[1], -a[1]],
      'encoder/mean/bias': [c],
      'encoder/logStd/kernel': [0, 0, 0, 0],
      'encoder/logStd/bias': [logStd],
      'decoder/0/kernel': [1, -1, 0, 0],
      'decoder/output/kernel': [w[0], w[1], -w[0], -w[1], 0, 0, 0, 0],
      'decoder/output/bias': [...b],
    };
    const start: HostState = initialState(model, 1);
    const state = Object.entries(values).map(([name, list]) => {
      expect(list).toHaveLength(start[name]!.data.length);
      return [name, hostTensor('float32', start[name]!.shape, list)] as const;
    });
    sampler = await exportedSampler(model, { ...start, ...Object.fromEntries(state) }, dataset);
    data = await firstExamples(dataset, dataset.size);
  });
  afterAll(() => sampler.release());

  it('bounds of 1, 5, 50, 500 samples rise and stay below it; that of 1 is short by the divergence', async () => {
    const points = Array.from({ length: dataset.size }, (_, i) => [data.data[2 * i]!, data.data[2 * i + 1]!]);
    const gaps = await gapsOf(
      sampler,
      data,
      points.map((x) => gaussianLogProb([x[0]! - b[0], x[1]! - b[1]])),
    );
    expectBounds(gaps, 0.01);
    // KL(q(z|x) || p(z|x)) of two normal distributions; p(z|x) has variance 1 / (1 + |w|^2 / s^2).
    const variance = 1 / (1 + (w[0] ** 2 + w[1] ** 2) / s ** 2);
    const divergences = points.map((x) => {
      const mean = (variance * (w[0] * (x[0]! - b[0]) + w[1] * (x[1]! - b[1]))) / s ** 2;
      const shift = a[0] * x[0]! + a[1] * x[1]! + c - mean;
      const ratio = Math.exp(2 * logStd) / variance;
      return 0.5 * (ratio + shift ** 2 / variance - 1 - Math.log(ratio));
    });
    const expected = divergences.reduce((sum, value) => sum + value, 0) / divergences.length;
    expect(Math.abs(gaps[0]!.mean - expected)).toBeLessThan(4 * gaps[0]!.standardError);
    expect(expected).toBeGreaterThan(0.1);
  });

  /** log N(d; 0, w w^T + s^2 I). */
  function gaussianLogProb([d0, d1]: readonly [number, number]): number {
    const [xx, xy, yy] = [w[0] ** 2 + s ** 2, w[0] * w[1], w[1] ** 2 + s ** 2];
    const determinant = xx * yy - xy * xy;
    const distance = (yy * d0 * d0 - 2 * xy * d0 * d1 + xx * d1 * d1) / determinant;
    return -logTwoPi - 0.5 * Math.log(determinant) - 0.5 * distance;
  }
});

describe('a Bernoulli VAE of grey images, whose log-probability is a sum over one code', () => {
  const dataset = tinyImages(400, [2, 3, 1]);
  let sampler: Sampler;

  beforeAll(async () => {
    const { model, state } = await stirredModel('vae', { latent: 1, hidden: [8] }, dataset, 3);
    sampler = await exportedSampler(model, state, dataset);
  });
  afterAll(() => sampler.release());

  it('is that of the image as binarised: bounds rise and stay below it', async () => {
    const data = await firstExamples(dataset, dataset.size);
    // The binarisation of draw 0, whichever draw of the code is meant: 1 where the noise is below the grey value.
    const key = { seed: 3, stream: 'logWeight/uniform', firstIndex: 0, count: dataset.size };
    const uniform = fillNoise({ distribution: 'uniform', shape: [2, 3, 1], ...key });
    const bits = data.data.map((value, i) => (uniform[i]! < value ? 1 : 0));
    // log p(b) = log sum_z p(z) p(b|z) over a fine grid of codes, from the decoder's means alone.
    const codes = Float32Array.from({ length: 1601 }, (_, i) => -8 + i / 100);
    const { data: means } = await sampler.decode(hostTensor('float32', [codes.length, 1], codes));
    const exact = Array.from({ length: dataset.size }, (_, example) => {
      let total = 0;
      for (const [i, z] of codes.entries()) {
        let probability = Math.exp(-0.5 * (z * z + logTwoPi)) / 100;
        for (let pixel = 0; pixel < 6; pixel++) {
          const mean = means[6 * i + pixel]!;
          probability *= bits[6 * example + pixel] === 1 ? mean : 1 - mean;
        }
        total += probability;
      }
      return Math.log(total);
    });
    expectBounds(await gapsOf(sampler, data, exact), 0.01);
  });
});
