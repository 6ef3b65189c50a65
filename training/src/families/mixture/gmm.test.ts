import { tf } from '@generatrix/export';
import { batchPlan, fillInputs, type HostTensor, hostTensor, stepInputs } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Dataset, floatDataset, loadDataset } from '../../data/index.ts';
import type { Trainer } from '../../engine/engine.ts';
import { initialState } from '../../engine/initial-state.ts';
import { onnxEngine } from '../../engine/onnx-engine.ts';
import { describeData, tinyPoints } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';
import type { CovarianceKind } from './gmm-covariance.ts';

const kinds: CovarianceKind[] = ['full', 'diagonal', 'spherical', 'tied'];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

interface Fitted {
  readonly trainer: Trainer;
  readonly history: number[];
}

/** Fits by whole sweeps; the history is the mean log-likelihood at each M-step. */
async function fit(
  dataset: Dataset,
  options: Record<string, unknown>,
  epochs: number,
  batchSize = 32,
): Promise<Fitted> {
  const { model } = buildModel(familyNamed('gmm'), options, describeData(dataset));
  const trainer = await onnxEngine('cpu').prepare(model, { batchSize, dataShape: dataset.spec.shape });
  await trainer.setState(await model.initialise!(initialState(model, 1), dataset, 1));
  const plan = batchPlan(model.batching, dataset.size, batchSize, 1);
  const perEpoch = Math.ceil(dataset.size / batchSize);
  const history: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    let total = 0;
    for (let i = 0; i < perEpoch; i++) {
      const batch = plan(epoch * perEpoch + i);
      const metrics = await trainer.step(
        await stepInputs(model, dataset, batch, { seed: 1, step: i, learningRate: 0 }),
      );
      total += metrics.logProb! * batch.weight.reduce((a, b) => a + b, 0);
    }
    history.push(total / dataset.size);
  }
  return { trainer, history };
}

/** Cell centres of a square grid, [cells^2, 2], and the area of a cell. */
function plane(extent: number, cells: number): { points: HostTensor; area: number } {
  const step = (2 * extent) / cells;
  const values = Array.from({ length: cells * cells }, (_, i) => [
    -extent + step * ((i % cells) + 0.5),
    -extent + step * (Math.floor(i / cells) + 0.5),
  ]);
  return { points: hostTensor('float32', [cells * cells, 2], values.flat()), area: step * step };
}

describe.each(kinds)('gmm, %s', (covariance) => {
  const options = { components: 3, covariance };

  it('has a density that integrates to 1', async () => {
    const { trainer } = await fit(tinyPoints(100), options, 10);
    const { points, area } = plane(5, 200);
    const { logProb } = await trainer.run('logProb', { data: points });
    const mass = Array.from(logProb!.data).reduce((sum, value) => sum + Math.exp(value), 0) * area;
    expect(mass).toBeCloseTo(1, 3);
    await trainer.release();
  });

  it('never loses likelihood from one iteration of EM to the next', async () => {
    const { trainer, history } = await fit(tinyPoints(100), options, 15);
    // The exception is a lone decrease by rounding in float32.
    for (const [i, value] of history.slice(1).entries()) expect(value).toBeGreaterThan(history[i]! - 1e-5);
    await trainer.release();
  });

  it('does not depend on how the data is cut into batches', async () => {
    const [whole, cut] = await Promise.all([
      fit(tinyPoints(50), options, 8, 50),
      fit(tinyPoints(50), options, 8, 7),
    ]);
    expect(cut.history.at(-1)!).toBeCloseTo(whole.history.at(-1)!, 4);
    await whole.trainer.release();
    await cut.trainer.release();
  });

  it('samples have the moments of the data it was fitted to', async () => {
    const dataset = tinyPoints(400);
    const { trainer } = await fit(dataset, options, 20, 100);
    const { model } = buildModel(familyNamed('gmm'), options, describeData(dataset));
    const count = 20_000;
    const inputs = fillInputs('sample', model.programs.sample!.signature.inputs, {
      seed: 3,
      firstIndex: 0,
      count,
    });
    const { data } = await trainer.run('sample', inputs);
    const theirs = await dataset.gather(Int32Array.from({ length: 400 }, (_, i) => i));
    const [sampled, given] = [moments(data!), moments(theirs)];
    // EM reproduces mean and covariance of the data exactly; what is left is the noise of 20,000 draws.
    for (const [i, value] of given.entries()) expect(Math.abs(sampled[i]! - value)).toBeLessThan(0.05);
    await trainer.release();
  });

  it('stays finite when all points coincide and when there are more components than distinct points', async () => {
    const same = points(new Float32Array(40).fill(0.25));
    const few = points(Float32Array.from({ length: 40 }, (_, i) => (i % 4 < 2 ? 1 : -1)));
    for (const dataset of [same, few]) {
      const { trainer, history } = await fit(dataset, { ...options, components: 4 }, 12, 8);
      expect(history.every(Number.isFinite)).toBe(true);
      const state = await trainer.getState();
      for (const [name, { data }] of Object.entries(state))
        expect(data.every(Number.isFinite), name).toBe(true);
      await trainer.release();
    }
  });
});

describe('gmm', () => {
  it('finds the ring of eight, with the likelihood of the distribution that drew it', async () => {
    const dataset = await loadDataset({ name: 'ring8', split: 'train', seed: 2, size: 2000 });
    const { trainer, history } = await fit(dataset, { components: 8, covariance: 'full' }, 30, 500);
    const { means } = await trainer.getState();
    for (let k = 0; k < 8; k++) {
      expect(Math.hypot(means!.data[2 * k]!, means!.data[2 * k + 1]!)).toBeCloseTo(1, 2);
    }
    // Entropy of eight separate round Gaussians of std 0.01: ln 8 + ln(2 pi e 0.01^2).
    const entropy = Math.log(8) + Math.log(2 * Math.PI * Math.E * 1e-4);
    expect(Math.abs(history.at(-1)! + entropy)).toBeLessThan(0.05);
    await trainer.release();
  });

  it('samples of a chosen component lie around its mean', async () => {
    const { trainer } = await fit(tinyPoints(200), { components: 2, covariance: 'diagonal' }, 20, 50);
    const { means } = await trainer.getState();
    const { model } = buildModel(
      familyNamed('gmm'),
      { components: 2, covariance: 'diagonal' },
      describeData(tinyPoints(8)),
    );
    const count = 4000;
    for (const component of [0, 1]) {
      const labels = new Int32Array(count).fill(component);
      const specs = model.programs.sampleComponent!.signature.inputs;
      const inputs = fillInputs('sampleComponent', specs, { seed: 1, firstIndex: 0, count, labels });
      const [x, y] = moments((await trainer.run('sampleComponent', inputs)).data!);
      expect(x).toBeCloseTo(means!.data[2 * component]!, 1);
      expect(y).toBeCloseTo(means!.data[2 * component + 1]!, 1);
    }
    await trainer.release();
  });

  it.each([
    ['full', 3 - 1 + 3 * 2 + 3 * 3],
    ['diagonal', 3 - 1 + 3 * 2 + 3 * 2],
    ['spherical', 3 - 1 + 3 * 2 + 3],
    ['tied', 3 - 1 + 3 * 2 + 3],
  ])('counts the free parameters of %s covariances', (covariance, expected) => {
    const { model } = buildModel(
      familyNamed('gmm'),
      { components: 3, covariance },
      describeData(tinyPoints(8)),
    );
    expect(model.freeParameters).toBe(expected);
  });
});

function points(values: Float32Array): Dataset {
  const spec = { kind: 'points', shape: [2] } as const;
  return floatDataset(
    { name: 'points', split: 'train', spec, size: values.length / 2, labels: null, classNames: [] },
    values,
  );
}

/** Means and covariances of points: x, y, xx, xy, yy. */
function moments({ data, shape }: HostTensor): number[] {
  const n = shape[0]!;
  const mean = (f: (x: number, y: number) => number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += f(data[2 * i]!, data[2 * i + 1]!);
    return sum / n;
  };
  const [x, y] = [mean((a) => a), mean((_, b) => b)];
  return [x, y, mean((a) => (a - x) ** 2), mean((a, b) => (a - x) * (b - y)), mean((_, b) => (b - y) ** 2)];
}
