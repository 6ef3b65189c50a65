import { tf } from '@generatrix/export';
import { batchPlan, fillInputs, hostTensor, stepInputs } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Trainer } from '../../engine/engine.ts';
import { initialState } from '../../engine/initial-state.ts';
import { onnxEngine } from '../../engine/onnx-engine.ts';
import { tfjsEngine } from '../../engine/tfjs-engine.ts';
import type { Model } from '../../model/model.ts';
import type { HostState } from '../../model/state.ts';
import { describeData, firstExamples, tinyImages, tinyPoints } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';

const images = tinyImages(32);
const dimensions = 30;

function vaeOf(options: Record<string, unknown>, dataset = images): Model {
  return buildModel(familyNamed('vae'), { latent: 2, hidden: [8], ...options }, describeData(dataset)).model;
}

async function withTrainer<T>(
  model: Model,
  state: HostState,
  use: (trainer: Trainer) => Promise<T>,
): Promise<T> {
  const trainer = await onnxEngine('cpu').prepare(model, { batchSize: 8, dataShape: images.spec.shape });
  await trainer.setState(state);
  try {
    return await use(trainer);
  } finally {
    await trainer.release();
  }
}

/** Another seed gives another binarisation as well as another code. */
async function scoreInputs(model: Model, count: number, seed: number) {
  return fillInputs('logWeight', model.programs.logWeight!.signature.inputs, {
    seed,
    firstIndex: 0,
    count,
    data: await firstExamples(images, count),
  });
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('vae', () => {
  it('with all weights zero has the log-weight of a fair coin for each pixel, exactly', async () => {
    const model = vaeOf({});
    const zeros = initialState(
      {
        ...model,
        state: Object.fromEntries(
          Object.entries(model.state).map(([name, spec]) => [name, { ...spec, initial: 0 }]),
        ),
      },
      0,
    );
    await withTrainer(model, zeros, async (trainer) => {
      const { logWeight } = await trainer.run('logWeight', await scoreInputs(model, 4, 0));
      for (const value of logWeight!.data) expect(value).toBeCloseTo(-dimensions * Math.LN2, 4);
    });
  });

  it('the mean log-weight over many draws is the ELBO that training reports', async () => {
    const model = vaeOf({});
    await withTrainer(model, initialState(model, 3), async (trainer) => {
      const draws = 400;
      const count = 8;
      const weights: Float32Array[] = [];
      for (let draw = 0; draw < draws; draw++) {
        weights.push(
          (await trainer.run('logWeight', await scoreInputs(model, count, draw))).logWeight!
            .data as Float32Array,
        );
      }
      const flat = weights.flatMap((values) => [...values]);
      const mean = flat.reduce((a, b) => a + b, 0) / flat.length;
      let elbo = 0;
      const plan = batchPlan('shuffled', images.size, count, 1);
      const { indices } = plan(0);
      for (let step = 0; step < draws; step++) {
        const batch = { ...plan(0), indices: indices.map((_, i) => i) };
        const inputs = await stepInputs(model, images, batch, { seed: 9, step, learningRate: 0 });
        elbo += (await trainer.step(inputs)).elbo! / draws;
      }
      const deviation = Math.sqrt(flat.reduce((sum, value) => sum + (value - mean) ** 2, 0)) / flat.length;
      expect(Math.abs(elbo - mean)).toBeLessThan(6 * deviation);
    });
  });

  it.each([
    ['bernoulli', {}, images],
    ['gaussian with beta 3', { beta: 3 }, tinyPoints(32)],
    ['conv', { architecture: 'conv', filters: [3, 4] }, images],
  ])('the gradient is the slope of the loss: %s', async (_, options, dataset) => {
    const model = vaeOf(options, dataset);
    const trainer = await tfjsEngine(() => {}).prepare(model, {
      batchSize: 8,
      dataShape: dataset.spec.shape,
    });
    const state = withoutKinks(initialState(model, 3));
    const plan = batchPlan('shuffled', dataset.size, 8, 1);
    const lossAt = async (current: HostState, learningRate = 0) => {
      await trainer.setState(current);
      return (
        await trainer.step(await stepInputs(model, dataset, plan(0), { seed: 9, step: 0, learningRate }))
      ).loss!;
    };
    await lossAt(state);
    const slots = await trainer.getState();
    const parameters = Object.keys(slots).filter((name) => `adam/mean/${name}` in slots);
    for (const name of parameters) {
      // After one step from empty slots, Adam's first moment is a tenth of the gradient.
      const gradient = Array.from(slots[`adam/mean/${name}`]!.data, (value) => value / 0.1);
      const norm = Math.hypot(...gradient);
      const h = 5e-4;
      const moved = (sign: number) => ({
        ...state,
        [name]: hostTensor(
          'float32',
          state[name]!.shape,
          Array.from(state[name]!.data, (value, i) => value + (sign * h * gradient[i]!) / norm),
        ),
      });
      const slope = ((await lossAt(moved(1))) - (await lossAt(moved(-1)))) / (2 * h);
      // Along the gradient the slope is its norm. Float32 resolves 2e-6 of a loss of 20: 0.002 of noise in the slope,
      // and a step of h across the kinks of ReLU adds a little.
      expect(Math.abs(slope - norm), `${name}: slope ${slope}, gradient norm ${norm}`).toBeLessThan(
        0.02 + 0.03 * norm,
      );
    }
    await trainer.release();
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['a latent of no dimensions', { latent: 0 }, /vae: --latent: expected .*, got 0/],
    ['an unknown option', { depth: 3 }, /depth/],
    ['conv on points', { architecture: 'conv' }, /architecture conv needs images, not points/],
    ['bernoulli on points', { likelihood: 'bernoulli' }, /likelihood bernoulli needs images/],
  ])('refuses %s in one line', (_, options, message) => {
    expect(() => vaeOf(options, tinyPoints(8))).toThrow(message);
  });
});

/** Biases start at zero, where a dead unit sits exactly on the kink of ReLU: the slope is not defined there. */
function withoutKinks(state: HostState): HostState {
  const entries = Object.entries(state).map(([name, { shape, data }]) => {
    const shift = name.endsWith('/bias') && !name.startsWith('adam') ? 0.1 : 0;
    return [
      name,
      hostTensor(
        'float32',
        shape,
        Array.from(data, (value, i) => value + shift * Math.sin(i + 1)),
      ),
    ];
  });
  return Object.fromEntries(entries);
}
