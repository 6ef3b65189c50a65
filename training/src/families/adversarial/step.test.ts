import { tf } from '@generatrix/export';
import { batchPlan, fillNoise, hostTensor, stepInputs } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Dataset } from '../../data/dataset.ts';
import type { Trainer } from '../../engine/engine.ts';
import { initialState } from '../../engine/initial-state.ts';
import { onnxEngine } from '../../engine/onnx-engine.ts';
import type { Model } from '../../model/model.ts';
import type { HostState } from '../../model/state.ts';
import { describeData, labelled, tinyImages, tinyPoints } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const rate = 1e-3;
/** Half of the distance of a central difference. */
const halfStep = 1e-4;

/** A compiled model at its start, and one step of it. */
async function compiled(
  family: string,
  options: Record<string, unknown>,
  dataset: Dataset,
  batchSize: number,
) {
  const model: Model = buildModel(familyNamed(family), options, describeData(dataset)).model;
  const trainer: Trainer = await onnxEngine('cpu').prepare(model, {
    batchSize,
    dataShape: dataset.spec.shape,
  });
  const fresh = initialState(model, 5);
  const start: HostState = (await model.initialise?.(fresh, dataset, 5)) ?? fresh;
  const plan = batchPlan(model.batching, dataset.size, batchSize, 5);
  const stepFrom = async (state: HostState, step = 0) => {
    await trainer.setState(state);
    const metrics = await trainer.step(
      await stepInputs(model, dataset, plan(step), { seed: 5, step, learningRate: rate }),
    );
    return { metrics, state: await trainer.getState() };
  };
  return { model, trainer, start, stepFrom };
}

const values = (state: HostState, name: string) => Array.from(state[name]!.data);

describe('the gradient penalty, compiled', () => {
  const small = { latent: 2, discriminatorSteps: 1, penaltyWeight: 1 };
  const cases = [
    { name: 'dense', options: { ...small, hidden: [6, 5] }, dataset: tinyPoints(16) },
    {
      name: 'convolutions',
      options: { ...small, architecture: 'dcgan', filters: [2, 3] },
      dataset: tinyImages(16, [8, 8, 1]),
    },
    {
      name: 'spectral normalisation',
      options: { ...small, hidden: [6, 5], discriminatorNormalisation: 'spectral' },
      dataset: tinyPoints(16),
    },
  ];

  it.each(cases)(
    '$name: the gradient of the critic agrees with finite differences of its loss',
    async ({ options, dataset }) => {
      const { trainer, start, stepFrom, model } = await compiled('wgan', options, dataset, 8);
      const larger = offTheKinks(start, 'architecture' in options ? 15 : 1);
      const settled = 'discriminatorNormalisation' in options ? await settle(stepFrom, larger) : larger;
      // With beta1 0, Adam's first moment after a step is the gradient.
      const gradient = (await stepFrom(settled)).state;
      const names = Object.keys(model.state).filter((name) => /^discriminator\/.*(kernel|bias)$/.test(name));
      expect(names.length).toBeGreaterThan(3);
      for (const name of names) {
        const slopes = values(gradient, `adam/discriminator/mean/${name}`);
        const length = Math.sqrt(slopes.reduce((total, slope) => total + slope * slope, 0) * slopes.length);
        const errors: number[] = [];
        for (const draw of [0, 1, 2, 3, 4]) {
          const shape = [slopes.length];
          const direction = fillNoise({
            distribution: 'normal',
            seed: 2,
            stream: name,
            firstIndex: 0,
            count: 1,
            draw,
            shape,
          });
          const lossAt = async (along: number) => {
            const moved = values(settled, name).map((value, i) => value + along * direction[i]!);
            const tensor = hostTensor('float32', settled[name]!.shape, moved);
            return (await stepFrom({ ...settled, [name]: tensor })).metrics.loss!;
          };
          const finite = ((await lossAt(halfStep)) - (await lossAt(-halfStep))) / (2 * halfStep);
          const exact = slopes.reduce((total, slope, i) => total + slope * direction[i]!, 0);
          errors.push(Math.abs(finite - exact));
        }
        // The median: the penalty jumps where a unit's input crosses 0, and a quotient across a jump says nothing.
        // A loss of order 1 in float32 is known to some 2e-7, its quotient so to 1e-3; curvature is below that.
        const median = errors.toSorted((a, b) => a - b)[2]!;
        expect(median, `${name}, slope ${length}: ${errors}`).toBeLessThan(0.002 * length + 2e-3);
      }
      await trainer.release();
    },
  );

  /**
   * Biases that are not 0: a generator whose units are all off would put a sample exactly on the critic's kinks, where
   * a difference quotient means nothing. And kernels scaled up: those of std 0.02 leave a critic all but flat.
   */
  function offTheKinks(start: HostState, factor: number): HostState {
    const change = (name: string, value: number, i: number) =>
      name.endsWith('/bias') ? 0.25 * Math.sin(2 * i + name.length) : factor * value;
    return Object.fromEntries(
      Object.entries(start).map(([name, x]) => [
        name,
        /^(generator|discriminator).*(kernel|bias)$/.test(name)
          ? hostTensor(
              'float32',
              x.shape,
              Array.from(x.data, (value, i) => change(name, value, i)),
            )
          : x,
      ]),
    );
  }

  /** A state whose power iteration has converged, so that a further turn does not change the loss. */
  async function settle(stepFrom: (state: HostState) => Promise<{ state: HostState }>, start: HostState) {
    let state = start;
    for (let i = 0; i < 60; i++) {
      const next = (await stepFrom(state)).state;
      const vectors = Object.entries(next).filter(([name]) => /\/(left|right)$/.test(name));
      state = { ...start, ...Object.fromEntries(vectors) };
    }
    return state;
  }
});

describe('weight clipping', () => {
  it('keeps every weight of the critic within the bound after a step, and the generator free', async () => {
    const options = { latent: 2, hidden: [6], penalty: 'clipping', clip: 0.05, discriminatorSteps: 2 };
    const { trainer, start, stepFrom } = await compiled('wgan', options, tinyPoints(16), 8);
    const { state } = await stepFrom(start);
    const largest = (prefix: string) =>
      Math.max(
        ...Object.keys(state)
          .filter((name) => name.startsWith(prefix))
          .flatMap((name) => values(state, name).map(Math.abs)),
      );
    expect(largest('discriminator/')).toBeLessThanOrEqual(Math.fround(0.05));
    expect(largest('generator/')).toBeGreaterThan(0.05);
    await trainer.release();
  });
});

describe('the two players', () => {
  const options = { latent: 2, hidden: [6] };

  it('each move by the rate times their own factor at the first step of Adam', async () => {
    const factors = { generatorRate: 0.5, discriminatorRate: 3 };
    const { trainer, start, stepFrom } = await compiled('gan', { ...options, ...factors }, tinyPoints(16), 8);
    const { state } = await stepFrom(start);
    // Where the gradient is not tiny against epsilon, Adam's first step is the rate, whatever the gradient.
    for (const [name, factor] of [
      ['generator/output/bias', 0.5],
      ['discriminator/output/bias', 3],
    ] as const) {
      for (const [i, value] of values(state, name).entries()) {
        expect(Math.abs(value - values(start, name)[i]!)).toBeCloseTo(factor * rate, 5);
      }
    }
    await trainer.release();
  });

  it('begin at a loss of log 4 when the discriminator is undecided', async () => {
    const { trainer, start, stepFrom } = await compiled('gan', options, tinyPoints(16), 8);
    const zeros = (name: string) =>
      hostTensor(
        'float32',
        start[name]!.shape,
        values(start, name).map(() => 0),
      );
    const undecided = { ...start, 'discriminator/output/kernel': zeros('discriminator/output/kernel') };
    const { metrics } = await stepFrom(undecided);
    expect(metrics.loss).toBeCloseTo(Math.log(4), 5);
    expect(metrics.realScore).toBeCloseTo(0.5, 6);
    expect(metrics.fakeScore).toBeCloseTo(0.5, 6);
    expect(metrics.saturation).toBe(0);
    await trainer.release();
  });

  it('label smoothing lowers the target of real examples: the loss of a discriminator that says b of everything', async () => {
    const b = 1.25;
    const { trainer, start, stepFrom } = await compiled(
      'gan',
      { ...options, labelSmoothing: 0.2 },
      tinyPoints(16),
      8,
    );
    const filled = (name: string, value: number) => {
      const { shape, data } = start[name]!;
      return hostTensor(
        'float32',
        shape,
        Array.from(data, () => value),
      );
    };
    const { metrics } = await stepFrom({
      ...start,
      'discriminator/output/kernel': filled('discriminator/output/kernel', 0),
      'discriminator/output/bias': filled('discriminator/output/bias', b),
    });
    const sigmoid = 1 / (1 + Math.exp(-b));
    const ofReal = -0.8 * Math.log(sigmoid) - 0.2 * Math.log(1 - sigmoid);
    expect(metrics.loss).toBeCloseTo(ofReal - Math.log(1 - sigmoid), 5);
    await trainer.release();
  });

  it('historical averaging pulls the parameters of both to their past', async () => {
    const beta1 = 0.5;
    const weight = 0.3;
    const shape = { ...options, beta1 };
    const plain = await compiled('gan', shape, tinyPoints(16), 8);
    const pulled = await compiled('gan', { ...shape, historicalAveraging: weight }, tinyPoints(16), 8);
    const names = Object.keys(plain.start).filter((name) => /^(generator|discriminator)\//.test(name));
    const away = (name: string) => (name.startsWith('generator') ? 0.125 : -0.25);
    const shifted = names.map((name) => {
      const { shape: dims, data } = pulled.start[name]!;
      return [
        `history/${name}`,
        hostTensor(
          'float32',
          dims,
          Array.from(data, (x) => x - away(name)),
        ),
      ];
    });
    const [without, within] = [
      (await plain.stepFrom(plain.start)).state,
      (await pulled.stepFrom({ ...pulled.start, ...Object.fromEntries(shifted) })).state,
    ];
    // The generator's gradient reads the discriminator after its update, so only the pull on the first is exact.
    for (const name of names.filter((each) => each.startsWith('discriminator'))) {
      const slot = `adam/discriminator/mean/${name}`;
      for (const [i, value] of values(within, slot).entries()) {
        const pull = 2 * weight * away(name);
        expect(value - values(without, slot)[i]!).toBeCloseTo((1 - beta1) * pull, 5);
      }
    }
    const output = 'adam/generator/mean/generator/output/bias';
    for (const [i, value] of values(within, output).entries()) {
      const pull = 2 * weight * away('generator');
      expect(value - values(without, output)[i]!).toBeCloseTo((1 - beta1) * pull, 2);
    }
    await plain.trainer.release();
    await pulled.trainer.release();
  });

  it('discriminator-steps k makes k updates of the discriminator and one of the generator', async () => {
    const { trainer, start, stepFrom } = await compiled(
      'gan',
      { ...options, discriminatorSteps: 4 },
      tinyPoints(16),
      8,
    );
    const { state } = await stepFrom(start);
    expect(values(state, 'adam/discriminator/count')).toEqual([4]);
    expect(values(state, 'adam/generator/count')).toEqual([1]);
    await trainer.release();
  });

  it('discriminator-steps that do not divide the batch are refused in one line', async () => {
    const attempt = compiled('gan', { ...options, discriminatorSteps: 3 }, tinyPoints(16), 8);
    await expect(attempt).rejects.toThrow(
      /--batch-size 8 is not a multiple of --discriminator-steps 3; give 9/,
    );
  });

  it('label smoothing, feature matching and packing change the losses as they say', async () => {
    const lossOf = async (more: Record<string, unknown>) => {
      const { trainer, start, stepFrom } = await compiled('gan', { ...options, ...more }, tinyPoints(16), 8);
      const { metrics } = await stepFrom(start);
      await trainer.release();
      return metrics;
    };
    const plain = await lossOf({});
    const smoothed = await lossOf({ labelSmoothing: 0.2 });
    // softplus(x) - t x: a target lower by 0.2 adds 0.2 times the mean output.
    expect(smoothed.fakeScore).toBeCloseTo(plain.fakeScore!, 6);
    expect(smoothed.loss).not.toBeCloseTo(plain.loss!, 4);
    const matched = await lossOf({ featureMatching: true });
    expect(matched.loss).toBeCloseTo(plain.loss!, 6);
    expect(matched.generatorLoss).not.toBeCloseTo(plain.generatorLoss!, 3);
    expect(matched.generatorLoss).toBeGreaterThan(0);
  });
});

it('packs that do not divide the batch are refused in one line', async () => {
  const attempt = compiled('gan', { latent: 2, hidden: [6], packing: 3 }, tinyPoints(16), 8);
  await expect(attempt).rejects.toThrow(/8 examples.*--packing 3; give --batch-size 9/);
});

describe('instance noise', () => {
  it('falls to nothing after its steps', async () => {
    const options = { latent: 2, hidden: [6], instanceNoise: 5, instanceNoiseSteps: 2 };
    const { trainer, start, stepFrom } = await compiled('gan', options, tinyPoints(16), 8);
    const quiet = await compiled('gan', { latent: 2, hidden: [6] }, tinyPoints(16), 8);
    const count = (n: number) => ({ ...start, 'adam/discriminator/count': hostTensor('float32', [], [n]) });
    const [noisy, over, without] = [
      await stepFrom(count(0)),
      await stepFrom(count(2)),
      await quiet.stepFrom(quiet.start),
    ];
    expect(over.metrics.loss).toBeCloseTo(without.metrics.loss!, 6);
    expect(Math.abs(noisy.metrics.loss! - without.metrics.loss!)).toBeGreaterThan(1e-3);
    await trainer.release();
    await quiet.trainer.release();
  });
});

it('the running mean and the history of a step are of the parameters that the step ends with', async () => {
  const options = { latent: 2, hidden: [4], averaging: 0.9, historicalAveraging: 1 };
  const { trainer, start, stepFrom, model } = await compiled('gan', options, tinyPoints(16), 8);
  const { state } = await stepFrom(start);
  await trainer.release();
  const averages = Object.keys(model.state).filter(
    (name) => name.startsWith('average/') && !name.endsWith('/count'),
  );
  expect(averages.length).toBeGreaterThan(2);
  for (const slot of averages) {
    const name = slot.slice('average/'.length);
    // The first mean has forgotten the start.
    for (const [i, value] of values(state, slot).entries())
      expect(Math.abs(value - values(state, name)[i]!)).toBeLessThan(1e-6);
  }
  const histories = Object.keys(model.state).filter(
    (name) => name.startsWith('history/') && !name.endsWith('/count'),
  );
  expect(histories.length).toBeGreaterThan(5);
  let moved = 0;
  for (const slot of histories) {
    const name = slot.slice('history/'.length);
    // The start counts as the first of the values that the history is the mean of.
    for (const [i, value] of values(state, slot).entries()) {
      const [before, after] = [values(start, name)[i]!, values(state, name)[i]!];
      expect(Math.abs(value - (before + after) / 2)).toBeLessThan(1e-6);
      moved = Math.max(moved, Math.abs(after - before));
    }
  }
  // Far more than the tolerance.
  expect(moved).toBeGreaterThan(5e-4);
});

it("the auxiliary classifier's loss is minus its log-probability of the classes, for both players", async () => {
  const dataset = labelled(tinyImages(16, [8, 8, 1]), 3);
  const lossesAt = async (auxiliaryWeight: number) => {
    const options = { latent: 2, filters: [2, 3], auxiliaryWeight };
    const { trainer, start, stepFrom } = await compiled('acgan', options, dataset, 8);
    // Without weights of its own the classifier gives each of the three classes a third, whatever it sees.
    const undecided = Object.entries(start).map(([name, tensor]) => [
      name,
      name.startsWith('discriminator/class/') ? { ...tensor, data: tensor.data.map(() => 0) } : tensor,
    ]);
    const { metrics } = await stepFrom(Object.fromEntries(undecided) as HostState);
    await trainer.release();
    return metrics;
  };
  const [once, thrice] = [await lossesAt(1), await lossesAt(3)];
  // Two more of log 3 for the real images and for the generated ones.
  expect(thrice.loss! - once.loss!).toBeCloseTo(2 * 2 * Math.log(3), 4);
  // The generator is judged by the discriminator after its first step, at a rate of 1e-3.
  expect(Math.abs(thrice.generatorLoss! - once.generatorLoss! - 2 * Math.log(3))).toBeLessThan(0.01);
});
