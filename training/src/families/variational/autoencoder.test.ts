import { tf } from '@generatrix/export';
import { batchPlan, fillInputs, fillNoise, hostTensor, stepInputs } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { floatDataset } from '../../data/dataset.ts';
import { initialState } from '../../engine/initial-state.ts';
import { onnxEngine } from '../../engine/onnx-engine.ts';
import type { Model } from '../../model/model.ts';
import { describeData, firstExamples, tinyImages, tinyPoints } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function autoencoderOf(options: Record<string, unknown>, dataset = tinyImages(24)): Model {
  return buildModel(familyNamed('autoencoder'), options, describeData(dataset)).model;
}

/** Points in 6 dimensions with standard deviations from 2 down to 0.2 along mixed directions, off the origin. */
function correlatedPoints(size: number) {
  const width = 6;
  const noise = fillNoise({
    distribution: 'normal',
    seed: 9,
    stream: 'pca',
    firstIndex: 0,
    count: size,
    shape: [width],
  });
  const spread = [2, 1.5, 1, 0.5, 0.3, 0.2];
  const values = new Float32Array(size * width);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < width; j++) {
      let sum = 0.5;
      for (let k = 0; k < width; k++) sum += Math.cos(1 + j * (k + 1)) * spread[k]! * noise[i * width + k]!;
      values[i * width + j] = sum;
    }
  }
  const spec = { kind: 'points', shape: [width] } as const;
  const fields = { name: 'pca', split: 'train', spec, size, labels: null, classNames: [] } as const;
  return { dataset: floatDataset(fields, values), values, width };
}

/** Eigenvalues of a symmetric matrix by Jacobi rotations, descending. */
function eigenvalues(matrix: number[][]): number[] {
  const a = matrix.map((row) => [...row]);
  const n = a.length;
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const angle = 0.5 * Math.atan2(2 * a[p]![q]!, a[q]![q]! - a[p]![p]!);
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        for (let k = 0; k < n; k++) {
          const [kp, kq] = [a[k]![p]!, a[k]![q]!];
          a[k]![p] = c * kp - s * kq;
          a[k]![q] = s * kp + c * kq;
        }
        for (let k = 0; k < n; k++) {
          const [pk, qk] = [a[p]![k]!, a[q]![k]!];
          a[p]![k] = c * pk - s * qk;
          a[q]![k] = s * pk + c * qk;
        }
      }
    }
  }
  return a.map((row, i) => row[i]!).toSorted((x, y) => y - x);
}

describe('autoencoder', () => {
  it("of linear layers reaches PCA's reconstruction error and not less", async () => {
    const size = 64;
    const { dataset, values, width } = correlatedPoints(size);
    const mean = Array.from({ length: width }, (_, j) =>
      Array.from({ length: size }, (_, i) => values[i * width + j]! / size).reduce((a, b) => a + b),
    );
    const covariance = Array.from({ length: width }, (_, j) =>
      Array.from({ length: width }, (_, k) => {
        let sum = 0;
        for (let i = 0; i < size; i++) {
          sum += (values[i * width + j]! - mean[j]!) * (values[i * width + k]! - mean[k]!);
        }
        return sum / size;
      }),
    );
    const spectrum = eigenvalues(covariance);
    const trace = covariance.reduce((sum, row, j) => sum + row[j]!, 0);
    expect(spectrum.reduce((a, b) => a + b)).toBeCloseTo(trace, 8);
    // The best linear code of 2 dimensions leaves the other eigenvalues of the covariance (Bishop 2006, eq. 12.18).
    const best = spectrum.slice(2).reduce((a, b) => a + b);
    expect(spectrum[2]).toBeGreaterThan(0.1);

    const model = autoencoderOf({ latent: 2, hidden: [] }, dataset);
    const trainer = await onnxEngine('cpu').prepare(model, { batchSize: size, dataShape: [width] });
    await trainer.setState(initialState(model, 1));
    const plan = batchPlan(model.batching, size, size, 1);
    let loss = Number.NaN;
    for (let step = 0; step < 1500; step++) {
      const key = { seed: 1, step, learningRate: step < 1000 ? 2e-2 : 1e-3 };
      loss = (await trainer.step(await stepInputs(model, dataset, plan(step), key))).loss!;
    }
    await trainer.release();
    expect(loss).toBeGreaterThan(best * (1 - 1e-4));
    expect(loss).toBeLessThan(best * 1.005);
  });

  it.each([
    ['masking', 0.4],
    ['gaussian', 0.5],
  ])(
    'compares the reconstruction of %s noise with the clean example',
    async (corruption, corruptionLevel) => {
      const dataset = tinyImages(8);
      const options = { latent: 2, hidden: [6], corruption, corruptionLevel };
      const [noisy, clean] = [
        autoencoderOf(options, dataset),
        autoencoderOf({ latent: 2, hidden: [6] }, dataset),
      ];
      const state = initialState(noisy, 4);
      const plan = batchPlan('shuffled', 8, 8, 1)(0);
      const inputs = await stepInputs(noisy, dataset, plan, { seed: 2, step: 0, learningRate: 0 });
      const noise = inputs.noise.corruption!.data;
      // By hand: corrupt the examples, reconstruct them without corruption, compare with the clean ones.
      const corrupted = Float32Array.from(inputs.data.data, (value, i) =>
        corruption === 'gaussian' ? value + 0.5 * noise[i]! : noise[i]! < 0.4 ? 0 : value,
      );
      const trainer = await onnxEngine('cpu').prepare(noisy, { batchSize: 8, dataShape: dataset.spec.shape });
      await trainer.setState(state);
      const { loss } = await trainer.step(inputs);
      const plain = await onnxEngine('cpu').prepare(clean, { batchSize: 8, dataShape: dataset.spec.shape });
      await plain.setState(initialState(clean, 4));
      const { reconstruction } = await plain.run('reconstruct', {
        data: hostTensor('float32', inputs.data.shape, corrupted),
      });
      let expected = 0;
      for (const [i, p] of reconstruction!.data.entries()) {
        const x = inputs.data.data[i]!;
        expected -= (x * Math.log(p) + (1 - x) * Math.log(1 - p)) / 8;
      }
      expect(loss).toBeCloseTo(expected, 4);
      await trainer.release();
      await plain.release();
    },
  );

  it('reconstructs by decoding what it encodes', async () => {
    const dataset = tinyImages(8);
    const model = autoencoderOf({ latent: 3, hidden: [8] }, dataset);
    const trainer = await onnxEngine('cpu').prepare(model, { batchSize: 8, dataShape: dataset.spec.shape });
    await trainer.setState(initialState(model, 4));
    const data = await firstExamples(dataset, 4);
    const inputs = fillInputs('encode', model.programs.encode!.signature.inputs, {
      seed: 1,
      firstIndex: 0,
      count: 4,
      data,
    });
    const { latent } = await trainer.run('encode', inputs);
    const decoded = (await trainer.run('decode', { latent: latent! })).data!;
    const { reconstruction } = await trainer.run('reconstruct', { data });
    for (const [i, value] of reconstruction!.data.entries()) expect(value).toBeCloseTo(decoded.data[i]!, 5);
    await trainer.release();
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['conv on points', { architecture: 'conv' }, /architecture conv needs images, not points/],
    ['cross-entropy on points', { reconstruction: 'crossEntropy' }, /use reconstruction squared/],
    ['masking everything', { corruption: 'masking', corruptionLevel: 1 }, /share below 1, got 1/],
  ])('refuses %s in one line', (_, options, message) => {
    expect(() => autoencoderOf(options, tinyPoints(8))).toThrow(message);
  });
});
