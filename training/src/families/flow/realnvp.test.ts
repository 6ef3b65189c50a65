import { tf } from '@generatrix/export';
import { hostTensor } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Dataset, loadDataset } from '../../data/index.ts';
import { initialState } from '../../engine/initial-state.ts';
import { firstExamples } from '../../testing/tiny-data.ts';
import { meanOf, modelOf, moonsLogDensity, standardError, trained } from './flow-test-support.ts';
import { imageFlow } from './realnvp-layers.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('on moons', () => {
  it.each([
    // A Gaussian is 1.2 nats off; NICE, which cannot stretch locally, stays further away than Real NVP.
    ['realnvp', { couplings: 8, hidden: [48, 48] }, 600, 0.12],
    ['nice', { couplings: 6, hidden: [32, 32] }, 500, 0.6],
  ])(
    '%s comes near the true density of the distribution and cannot exceed it',
    async (family, options, steps, gap) => {
      const dataset = await loadDataset({ name: 'moons', split: 'train', size: 10_000 });
      const heldOut: Dataset = await loadDataset({ name: 'moons', split: 'test', size: 2000 });
      const model = modelOf(family, options, dataset);
      const trainer = await trained(model, dataset, { steps, batchSize: 256, learningRate: 4e-3 });
      const data = await firstExamples(heldOut, 2000);
      const { logProb } = await trainer.run('logProb', { data });
      await trainer.release();
      const truth = moonsLogDensity(data.data);
      // The mean difference estimates the divergence of the model from the distribution, which is never negative.
      const differences = Array.from(logProb!.data, (value, i) => truth[i]! - value);
      expect(meanOf(differences)).toBeGreaterThan(-4 * standardError(differences));
      expect(meanOf(differences)).toBeLessThan(gap);
    },
  );
});

it('starts with the bends of its hidden units all over the range of a coordinate', async () => {
  const dataset = await loadDataset({ name: 'moons', split: 'train', size: 100 });
  const state = initialState(modelOf('realnvp', { couplings: 2, hidden: [200] }, dataset), 1);
  const [kernel, bias] = ['kernel', 'bias'].map((part) => state[`coupling/0/0/${part}`]!.data);
  const bends = Array.from(kernel!, (slope, i) => -bias![i]! / slope).sort((a, b) => a - b);
  // -b / w of two uniform numbers of the same distribution has its quartiles at -1 and 1, coordinates of unit
  // variance too.
  expect(bends[50]).toBeCloseTo(-1, 0);
  expect(bends[150]).toBeCloseTo(1, 0);
  const gaps = bends.slice(51, 151).map((bend, i) => bend - bends[50 + i]!);
  expect(Math.max(...gaps)).toBeLessThan(0.2);
});

describe('the multi-scale image flow', () => {
  const conditioner = (name: string, inputs: number, outputs: number) => ({
    specs: { [`${name}/weight`]: { shape: [inputs, outputs], initial: 1 } },
    apply: (state: Record<string, tf.Tensor>, x: tf.Tensor) =>
      tf.reshape(
        tf.matMul(tf.reshape(x, [-1, inputs]) as tf.Tensor2D, state[`${name}/weight`] as tf.Tensor2D),
        [...x.shape.slice(0, -1), outputs],
      ),
  });
  const flow = (scales: number) => imageFlow([8, 4, 3], { scales, perMask: 1, kind: 'affine', conditioner });
  const zeros = (scales: number) =>
    Object.fromEntries(
      Object.entries(flow(scales).specs).map(([name, { shape }]) => [name, tf.zeros([...shape])]),
    );

  it.each([1, 2, 3])('with all weights zero only moves the entries of an image, at %i scales', (scales) => {
    const values = Array.from({ length: 2 * 96 }, (_, i) => i);
    const { y, logDet } = flow(scales).forward(zeros(scales), tf.tensor(values, [2, 8, 4, 3]));
    expect(y.shape).toEqual([2, 96]);
    expect([...tf.add(logDet, tf.zeros([2])).dataSync()]).toEqual([0, 0]);
    const moved = Array.from(y.dataSync()).slice(0, 96);
    expect(moved.toSorted((a, b) => a - b)).toEqual(values.slice(0, 96));
    // The coarsest part comes first: at 3 scales, the top left of each block of 4 x 4.
    const step = 2 ** (scales - 1);
    const corner = moved.slice(0, 3);
    expect(corner).toEqual([0, 1, 2]);
    const coarse = moved.slice(0, 96 / step).map((value) => Math.floor(value / 3 / 4));
    // Factoring out keeps the upper row of each block.
    expect(new Set(coarse)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7].filter((row) => row % step === 0)));
  });

  it('has every mask and scale of the paper, and one name for each parameter', () => {
    const names = Object.keys(flow(3).specs).filter((name) => name.endsWith('/weight'));
    expect(names.toSorted()).toEqual(
      [
        'scale/0/channel/0',
        'scale/0/checkerboard/0',
        'scale/1/channel/0',
        'scale/1/checkerboard/0',
        'scale/2/checkerboard/0',
        'scale/2/checkerboard/1',
      ].map((name) => `${name}/weight`),
    );
  });
});

it('keeps each coupling from seeing what it changes: a masked pixel moves itself alone at the first layer', async () => {
  const shape = [4, 4, 1] as const;
  const dataset = { spec: { kind: 'image', shape, range: [0, 1] }, classNames: [] } as unknown as Dataset;
  const model = modelOf('realnvp', { scales: 1, perMask: 1, filters: 4, blocks: 1 }, dataset);
  const state = initialState(model, 1);
  // Only the first coupling is not the identity; it keeps pixels where row + column is even.
  const first = 'scale/0/checkerboard/0/output/kernel';
  const kernel = Float32Array.from(state[first]!.data, (_, i) => Math.sin(i));
  const weights = Object.fromEntries(
    Object.entries({ ...state, [first]: hostTensor('float32', state[first]!.shape, kernel) }).map(
      ([name, { data, shape: own }]) => [name, tf.tensor(data, [...own])],
    ),
  );
  const code = (changed: number) => {
    const pixels = Array.from({ length: 16 }, (_, i) => (i === changed ? 200 : 10 * i) / 255);
    return model.programs.encode!.run(weights, { data: tf.tensor(pixels, [1, 4, 4, 1]) }).latent!.dataSync();
  };
  const [base, odd, even] = [code(-1), code(1), code(5)] as [Float32Array, Float32Array, Float32Array];
  const movedBy = (other: Float32Array) =>
    [...base.keys()].filter((i) => Math.abs(other[i]! - base[i]!) > 1e-6);
  expect(movedBy(odd)).toEqual([1]);
  // Pixel 5 (row 1, column 1) is kept, so that its open neighbours follow it.
  expect(movedBy(even)).toEqual(expect.arrayContaining([1, 4, 5, 6, 9]));
});
