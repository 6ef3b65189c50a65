import { tf } from '@generatrix/export';
import { batchPlan, hostTensor, stepInputs } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Trainer } from '../../../engine/engine.ts';
import { initialState } from '../../../engine/initial-state.ts';
import { onnxEngine } from '../../../engine/onnx-engine.ts';
import type { Model } from '../../../model/model.ts';
import type { HostState } from '../../../model/state.ts';
import { describeData, tinyImages, tinyPoints } from '../../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../../registry.ts';

const images = tinyImages(24);
const batchSize = 8;
const gamma = 0.5;
const beta1 = 0.5;
const small = { latent: 2, hidden: [8], gamma, beta1 };

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function vaeganOf(options: Record<string, unknown> = {}): Model {
  return buildModel(familyNamed('vaegan'), { ...small, ...options }, describeData(images)).model;
}

/** A trainer and one fixed batch with its noise. */
async function fixedStep(model: Model) {
  const trainer: Trainer = await onnxEngine('cpu').prepare(model, {
    batchSize,
    dataShape: images.spec.shape,
  });
  const batch = batchPlan('shuffled', images.size, batchSize, 1)(0);
  const inputs = await stepInputs(model, images, batch, { seed: 9, step: 0, learningRate: 0 });
  const metricsAt = async (state: HostState) => {
    await trainer.setState(state);
    return trainer.step(inputs);
  };
  return { trainer, inputs, metricsAt };
}

/** Biases start at zero, where a dead unit sits on the kink of ReLU: the slope is not defined there. */
function withoutKinks(state: HostState): HostState {
  return Object.fromEntries(
    Object.entries(state).map(([name, { shape, data }]) => {
      const shifted = name.endsWith('/bias') || name.endsWith('/offset');
      const shift = shifted && !name.startsWith('adam') ? 0.1 : 0;
      const values = Array.from(data, (value, i) => value + shift * Math.sin(i + 1));
      return [name, hostTensor('float32', shape, values)];
    }),
  );
}

type Metrics = Record<string, number>;

/** What each player minimises (Larsen et al. 2016, algorithm 1), of the reported terms. */
const objectives: Record<string, (metrics: Metrics) => number> = {
  encoder: ({ divergence, featureError }) => divergence! + featureError!,
  generator: ({ featureError, generator }) => gamma * featureError! + generator!,
  discriminator: ({ loss }) => loss!,
};
const optimizers: Record<string, string> = {
  encoder: 'encoder',
  generator: 'decoder',
  discriminator: 'discriminator',
};

describe('vaegan', () => {
  it.each([
    ['minimax', 'none'],
    ['non-saturating', 'none'],
    ['non-saturating', 'batch'],
  ])(
    'every player follows the slope of its own objective and no other: %s, normalisation %s',
    async (generatorLoss, normalisation) => {
      const model = vaeganOf({ generatorLoss, normalisation });
      const { trainer, metricsAt } = await fixedStep(model);
      const state = withoutKinks(initialState(model, 3));
      await metricsAt(state);
      const slots = await trainer.getState();
      for (const [player, objective] of Object.entries(objectives)) {
        const names = Object.keys(state).filter((name) => `adam/${optimizers[player]}/mean/${name}` in slots);
        expect(names.length).toBeGreaterThan(2);
        for (const name of names) {
          expect(name.startsWith(`${player}/`)).toBe(true);
          // After one step from empty slots, Adam's first moment is 1 - beta1 of the gradient.
          const moment = slots[`adam/${optimizers[player]}/mean/${name}`]!.data;
          const gradient = Array.from(moment, (value) => value / (1 - beta1));
          const norm = Math.hypot(...gradient);
          const h = 2e-4;
          const at = async (sign: number) => {
            const values = Array.from(
              state[name]!.data,
              (value, i) => value + (sign * h * gradient[i]!) / norm,
            );
            return objective(
              await metricsAt({ ...state, [name]: hostTensor('float32', state[name]!.shape, values) }),
            );
          };
          const slope = ((await at(1)) - (await at(-1))) / (2 * h);
          // Along the gradient the slope is its norm. Float32 resolves 5e-7 of a loss near 5: 1e-3 in the slope. From
          // steps of 5e-4 on, a unit crosses the kink of ReLU.
          expect(Math.abs(slope - norm), `${name}: slope ${slope}, norm ${norm}`).toBeLessThan(
            0.003 + 0.01 * norm,
          );
        }
      }
      await trainer.release();
    },
  );

  it('neither the GAN loss reaches the encoder nor the likelihood the discriminator', async () => {
    const model = vaeganOf({ normalisation: 'none' });
    const { trainer, metricsAt } = await fixedStep(model);
    const state = withoutKinks(initialState(model, 3));
    const momentsAt = async (changed: HostState) => {
      const metrics = await metricsAt(changed);
      const slots = await trainer.getState();
      const of = (player: string) =>
        Object.keys(slots)
          .filter((name) => name.startsWith(`adam/${player}/mean/`))
          .flatMap((name) => [...slots[name]!.data]);
      return { metrics, encoder: of('encoder'), decoder: of('decoder'), discriminator: of('discriminator') };
    };
    const before = await momentsAt(state);
    // The last layer of the discriminator makes the logits and nothing of the features: only the GAN loss sees it.
    const output = state['discriminator/output/kernel']!;
    const louder = Array.from(output.data, (value) => 3 * value + 0.2);
    const after = await momentsAt({
      ...state,
      'discriminator/output/kernel': hostTensor('float32', output.shape, louder),
    });
    expect(Math.abs(after.metrics.loss! - before.metrics.loss!)).toBeGreaterThan(0.01);
    expect(after.encoder).toEqual(before.encoder);
    expect(after.decoder).not.toEqual(before.decoder);
    await trainer.release();

    // The weight of the likelihood is in the decoder's update alone.
    const other = await fixedStep(vaeganOf({ normalisation: 'none', gamma: 50 * gamma }));
    await other.metricsAt(state);
    const slots = await other.trainer.getState();
    const discriminator = Object.keys(slots)
      .filter((name) => name.startsWith('adam/discriminator/mean/'))
      .flatMap((name) => [...slots[name]!.data]);
    expect(discriminator).toEqual(before.discriminator);
    await other.trainer.release();
  });

  it('reports the divergence of the codes that it encodes, in closed form', async () => {
    const model = vaeganOf({ normalisation: 'none' });
    const { trainer, inputs, metricsAt } = await fixedStep(model);
    const { divergence } = await metricsAt(withoutKinks(initialState(model, 3)));
    const { latent, logStd } = await trainer.run('encode', { data: inputs.data });
    // KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - 1) / 2 - log s.
    let expected = 0;
    for (const [i, mean] of latent!.data.entries()) {
      const log = logStd!.data[i]!;
      expected += ((mean ** 2 + Math.exp(2 * log) - 1) / 2 - log) / batchSize;
    }
    expect(divergence).toBeCloseTo(expected, 4);
    expect(expected).toBeGreaterThan(0.01);
    await trainer.release();
  });

  it('refuses convolutions over points in one line', () => {
    const data = describeData(tinyPoints(8));
    expect(() => buildModel(familyNamed('vaegan'), { architecture: 'dcgan' }, data)).toThrow(
      /architecture dcgan needs images, not points/,
    );
  });
});
