import { type NamedTensors, tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, expect, it } from 'vitest';
import { gradientModel } from '../../core/gradient-model.ts';
import { settleTraining } from '../../model/training-options.ts';
import { augmentationDraws } from './differentiable-augmentation.ts';
import { type Game, type StepSettings, stepNoise } from './game.ts';
import { adversarialLosses } from './losses.ts';
import { adversarialTurns } from './step.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const batch = 600;
const shape = [8, 8, 1];
const pixels = 64;

const settings: StepSettings = {
  discriminatorSteps: 1,
  packing: 1,
  generatorRate: 1,
  discriminatorRate: 1,
  labelSmoothing: 0,
  featureMatching: false,
  historicalAveraging: 0,
  instanceNoise: 0,
  instanceNoiseSteps: 0,
  gradientPenalty: 0,
  auxiliary: 0,
  augmentation: { kinds: ['color', 'translation', 'cutout'], range: [0, 1] },
};

/** A game whose generator makes the one real image, and whose discriminator writes down what it is shown. */
function recordedGame(image: readonly number[]): { game: Game; seen: Float32Array[] } {
  const seen: Float32Array[] = [];
  const scalar = { shape: [], initial: 1 } as const;
  return {
    seen,
    game: {
      generator: {
        parameters: { level: scalar },
        statistics: {},
        outermost: [],
        fixed: {},
        apply: (state, z) =>
          tf.mul(state.level!, tf.tile(tf.tensor4d([...image], [1, 8, 8, 1]), [z.shape[0]!, 1, 1, 1])),
      },
      discriminator: {
        parameters: { weight: scalar },
        statistics: {},
        outermost: [],
        apply: (state, x) => {
          seen.push(x.dataSync() as Float32Array);
          const features = tf.reshape(tf.mul(state.weight!, tf.mean(x, [1, 2, 3])), [-1, 1]) as tf.Tensor2D;
          return { logits: tf.reshape(features, [-1]) as tf.Tensor1D, features };
        },
      },
      parameters: { generator: { level: scalar }, discriminator: { weight: scalar } },
      domains: [{ view: (state) => state, real: (x) => x }],
      loss: adversarialLosses['non-saturating'],
      classes: 0,
      latent: 1,
      dataShape: shape,
      settings,
    },
  };
}

it('real and generated images are changed by the same distribution, in both updates, and not by the same draws', () => {
  const image = Array.from({ length: pixels }, (_, k) => ((k * 29) % 64) / 64);
  const { game, seen } = recordedGame(image);
  const { step } = gradientModel({
    players: {
      generator: { parameters: game.parameters.generator },
      discriminator: { parameters: game.parameters.discriminator },
    },
    turns: adversarialTurns(game),
    programs: {},
  }).compose(settleTraining({}, {}));
  const noise: NamedTensors = {};
  for (const [name, { distribution, shape: each }] of Object.entries(stepNoise(game))) {
    const values = fillNoise({
      distribution,
      seed: 1,
      stream: `step/${name}`,
      firstIndex: 0,
      count: batch,
      shape: each,
    });
    noise[name] = tf.tensor(values, [batch, ...each]);
  }
  expect(noise.realChange!.shape).toEqual([batch, augmentationDraws]);
  const slots = (player: string, name: string) => ({
    [`adam/${player}/count`]: tf.scalar(0),
    [`adam/${player}/mean/${name}`]: tf.scalar(0),
    [`adam/${player}/variance/${name}`]: tf.scalar(0),
  });
  step.run({
    state: {
      level: tf.scalar(1),
      weight: tf.scalar(1),
      ...slots('generator', 'level'),
      ...slots('discriminator', 'weight'),
    },
    data: tf.tile(tf.tensor4d(image, [1, 8, 8, 1]), [batch, 1, 1, 1]),
    label: tf.zeros([batch], 'int32'),
    conditions: {},
    weight: tf.ones([batch]),
    noise,
    learningRate: tf.scalar(0),
    epochEnd: tf.scalar(0),
  });
  const [real, fake, again] = seen as [Float32Array, Float32Array, Float32Array];
  expect(seen).toHaveLength(3);
  // The generator is judged under the changes that the discriminator saw of its images.
  expect([...again]).toEqual([...fake]);
  expect([...real]).not.toEqual([...fake]);
  // Means and variances of every pixel over 600 examples agree to within 4.5 standard errors of their difference.
  for (let k = 0; k < pixels; k++) {
    const column = (x: Float32Array) => Array.from({ length: batch }, (_, i) => x[i * pixels + k]!);
    const [a, b] = [moments(column(real)), moments(column(fake))];
    expect(Math.abs(a.mean - b.mean)).toBeLessThan(4.5 * Math.sqrt((a.variance + b.variance) / batch));
    const spread = Math.sqrt((a.spread + b.spread) / batch);
    expect(Math.abs(a.variance - b.variance)).toBeLessThan(4.5 * spread);
    expect(a.variance).toBeGreaterThan(1e-3);
  }
});

/** Mean, variance, and the variance of a squared deviation. */
function moments(values: readonly number[]) {
  const average = (some: readonly number[]) => some.reduce((a, b) => a + b, 0) / some.length;
  const mean = average(values);
  const squares = values.map((value) => (value - mean) ** 2);
  const variance = average(squares);
  return { mean, variance, spread: average(squares.map((square) => (square - variance) ** 2)) };
}
