import { tf } from '@generatrix/export';
import { batchPlan, fillInputs, hostTensor, stepInputs } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Trainer } from '../../engine/engine.ts';
import { initialState } from '../../engine/initial-state.ts';
import { onnxEngine } from '../../engine/onnx-engine.ts';
import type { Model } from '../../model/model.ts';
import { planPhases } from '../../model/phases.ts';
import type { HostState } from '../../model/state.ts';
import { describeData, tinyImages, tinyPoints } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const images = tinyImages(40);
const batchSize = 20;
const codeOptions = {
  latent: 3,
  hidden: [12, 8],
  space: 'code',
  code: 4,
  codeHidden: [16],
  dropout: [],
};

function gmmnOf(options: Record<string, unknown>, dataset = images): Model {
  return buildModel(familyNamed('gmmn'), options, describeData(dataset)).model;
}

async function trainerOf(
  model: Model,
  state: HostState,
  dataset = images,
  size = batchSize,
): Promise<Trainer> {
  const trainer = await onnxEngine('cpu').prepare(model, { batchSize: size, dataShape: dataset.spec.shape });
  await trainer.setState(state);
  return trainer;
}

/** Trains and returns the state after each of the steps asked for. */
async function statesAfter(model: Model, start: HostState, steps: readonly number[]): Promise<HostState[]> {
  const last = Math.max(...steps);
  const settings = { steps: last, batchSize, learningRate: 3e-3, schedule: 'constant' } as const;
  const states: HostState[] = [];
  let state = start;
  for (const phase of planPhases(model, settings)) {
    const trainer = await trainerOf(phase.model, state);
    const plan = batchPlan(model.batching, images.size, batchSize, 5);
    for (let step = phase.first; step < phase.end; step++) {
      const key = { seed: 5, step, learningRate: phase.rateAt(step) };
      await trainer.step(await stepInputs(phase.model, images, plan(step), key));
      if (steps.includes(step + 1)) states.push(await trainer.getState());
    }
    state = await trainer.getState();
    await trainer.release();
  }
  return states;
}

/** The parameters of one part, as one string that two states can be compared by. */
function bits(state: HostState, ...parts: readonly string[]): string {
  const names = Object.keys(state).filter((name) => parts.some((part) => name.startsWith(`${part}/`)));
  expect(names.length).toBeGreaterThan(0);
  return names.map((name) => state[name]!.data.join()).join();
}

describe('gmmn', () => {
  it('matches the moments of two clusters of points', async () => {
    const dataset = tinyPoints(400);
    const model = gmmnOf({ latent: 2, hidden: [32, 32] }, dataset);
    const trainer = await trainerOf(model, initialState(model, 1), dataset, 200);
    const plan = batchPlan(model.batching, dataset.size, 200, 1);
    for (let step = 0; step < 600; step++) {
      await trainer.step(await stepInputs(model, dataset, plan(step), { seed: 1, step, learningRate: 2e-3 }));
    }
    const count = 2000;
    const inputs = fillInputs('sample', model.programs.sample!.signature.inputs, {
      seed: 2,
      firstIndex: 0,
      count,
    });
    const { data } = await trainer.run('sample', inputs);
    await trainer.release();
    const expected = moments((await dataset.gather(Int32Array.from({ length: 400 }, (_, i) => i))).data);
    const actual = moments(data!.data);
    // Batches of 200 leave a standard error of 0.09 in a mean with deviation 1.3, averaged over many of them.
    for (const [i, value] of expected.mean.entries())
      expect(Math.abs(actual.mean[i]! - value)).toBeLessThan(0.15);
    for (const [i, value] of expected.second.entries()) {
      expect(Math.abs(actual.second[i]! - value)).toBeLessThan(0.2 * Math.abs(expected.second[0]!));
    }
    // The clusters lie along the diagonal, which a spherical sample would miss.
    expect(actual.second[1]).toBeGreaterThan(0.5);
  });

  it('the autoencoder learns as if there were no generator, whatever that is', async () => {
    const model = gmmnOf(codeOptions);
    const start = initialState(model, 3);
    const other = {
      ...start,
      'generator/0/kernel': hostTensor(
        'float32',
        start['generator/0/kernel']!.shape,
        Array.from(start['generator/0/kernel']!.data, (value) => -2 * value),
      ),
    };
    const [[one], [two]] = await Promise.all([
      statesAfter(model, start, [6]),
      statesAfter(model, other, [6]),
    ]);
    expect(bits(one!, 'encoder', 'decoder')).toBe(bits(two!, 'encoder', 'decoder'));
    expect(bits(one!, 'generator')).not.toBe(bits(two!, 'generator'));
  });

  it('with autoencoderSteps, first the autoencoder moves alone, then the generator alone', async () => {
    const model = gmmnOf({ ...codeOptions, autoencoderSteps: 4 });
    const start = initialState(model, 3);
    const [three, four, five, seven] = await statesAfter(model, start, [3, 4, 5, 7]);
    expect(bits(four!, 'generator')).toBe(bits(start, 'generator'));
    expect(bits(three!, 'encoder', 'decoder')).not.toBe(bits(start, 'encoder', 'decoder'));
    expect(bits(four!, 'encoder')).not.toBe(bits(three!, 'encoder'));
    expect(bits(seven!, 'encoder', 'decoder')).toBe(bits(four!, 'encoder', 'decoder'));
    expect(bits(five!, 'generator')).not.toBe(bits(four!, 'generator'));
  });

  it('has the same state in phases and without, so that checkpoints from before there were phases fit', () => {
    const [inPhases, together] = [gmmnOf({ ...codeOptions, autoencoderSteps: 4 }), gmmnOf(codeOptions)];
    expect(inPhases.state).toEqual(together.state);
    expect([inPhases.retired, together.retired]).toEqual([['phase/count'], ['phase/count']]);
  });

  it('dropout changes what the autoencoder is trained on and nothing else', async () => {
    const [plain, dropped] = [gmmnOf(codeOptions), gmmnOf({ ...codeOptions, dropout: [0.5, 0.5] })];
    const start = initialState(plain, 3);
    const plan = batchPlan('shuffled', images.size, batchSize, 5)(0);
    const reports = [];
    for (const model of [plain, dropped]) {
      const trainer = await trainerOf(model, start);
      const inputs = await stepInputs(model, images, plan, { seed: 5, step: 0, learningRate: 0 });
      const metrics = await trainer.step(inputs);
      const { reconstruction } = await trainer.run('reconstruct', { data: inputs.data });
      reports.push({ metrics, reconstruction: reconstruction!.data.join() });
      await trainer.release();
    }
    const [without, with_] = reports as [(typeof reports)[0], (typeof reports)[0]];
    expect(with_.reconstruction).toBe(without.reconstruction);
    expect(with_.metrics.discrepancy).toBeCloseTo(without.metrics.discrepancy!, 6);
    expect(Math.abs(with_.metrics.reconstruction! - without.metrics.reconstruction!)).toBeGreaterThan(1e-3);
  });

  it('refuses more dropout rates than the encoder has layers', () => {
    expect(() => gmmnOf({ ...codeOptions, dropout: [0.1, 0.1, 0.1] })).toThrow(
      /3 rates, but the encoder has 2/,
    );
  });
});

/** Mean and second central moments (xx, xy, yy) of points in the plane. */
function moments(values: ArrayLike<number>) {
  const count = values.length / 2;
  const mean = [0, 0];
  for (let i = 0; i < values.length; i++) mean[i % 2]! += values[i]! / count;
  const second = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    const [x, y] = [values[2 * i]! - mean[0]!, values[2 * i + 1]! - mean[1]!];
    second[0]! += (x * x) / count;
    second[1]! += (x * y) / count;
    second[2]! += (y * y) / count;
  }
  return { mean, second };
}
