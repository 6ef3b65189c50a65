import { tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AdversarialLossName, adversarialLosses, saturation } from './losses.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const real = [2, -1, 0.5];
const fake = [-3, 1, 0.25];
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

function discriminatorLoss(name: AdversarialLossName, target = 1): number {
  return adversarialLosses[name].discriminator(tf.tensor1d(real), tf.tensor1d(fake), target).dataSync()[0]!;
}
function generatorLoss(name: AdversarialLossName): number {
  return adversarialLosses[name].generator(tf.tensor1d(fake)).dataSync()[0]!;
}

describe('losses at known outputs, from their definitions', () => {
  const crossEntropy =
    -mean(real.map((x) => Math.log(sigmoid(x)))) - mean(fake.map((x) => Math.log(1 - sigmoid(x))));

  it.each(['minimax', 'non-saturating'] as const)(
    '%s: the discriminator minimises the cross-entropy',
    (name) => {
      expect(discriminatorLoss(name)).toBeCloseTo(crossEntropy, 5);
    },
  );
  it('the generator minimises log(1 - D) or -log D', () => {
    expect(generatorLoss('minimax')).toBeCloseTo(mean(fake.map((x) => Math.log(1 - sigmoid(x)))), 5);
    expect(generatorLoss('non-saturating')).toBeCloseTo(-mean(fake.map((x) => Math.log(sigmoid(x)))), 5);
  });
  it('least squares, with targets 1 and 0', () => {
    const expected = 0.5 * mean(real.map((x) => (x - 1) ** 2)) + 0.5 * mean(fake.map((x) => x * x));
    expect(discriminatorLoss('least-squares')).toBeCloseTo(expected, 5);
    expect(generatorLoss('least-squares')).toBeCloseTo(0.5 * mean(fake.map((x) => (x - 1) ** 2)), 5);
  });
  it('hinge, and the Wasserstein estimate', () => {
    const expected = mean(real.map((x) => Math.max(0, 1 - x))) + mean(fake.map((x) => Math.max(0, 1 + x)));
    expect(discriminatorLoss('hinge')).toBeCloseTo(expected, 5);
    expect(discriminatorLoss('wasserstein')).toBeCloseTo(mean(fake) - mean(real), 5);
    for (const name of ['hinge', 'wasserstein'] as const)
      expect(generatorLoss(name)).toBeCloseTo(-mean(fake), 5);
  });
});

it('is log 4 where the discriminator says 1/2 of everything (Goodfellow et al. 2014, theorem 1)', () => {
  const undecided = tf.zeros([7]);
  const loss = adversarialLosses.minimax.discriminator(undecided, undecided, 1).dataSync()[0];
  expect(loss).toBeCloseTo(Math.log(4), 6);
});

it('one-sided label smoothing changes the target of real examples alone', () => {
  const expected =
    -mean(real.map((x) => 0.9 * Math.log(sigmoid(x)) + 0.1 * Math.log(1 - sigmoid(x)))) -
    mean(fake.map((x) => Math.log(1 - sigmoid(x))));
  expect(discriminatorLoss('non-saturating', 0.9)).toBeCloseTo(expected, 5);
  // The best output for a real example is now D = 0.9 (Salimans et al. 2016, section 3.4, with no samples near).
  const best = tf.tensor1d([Math.log(0.9 / 0.1)]);
  const slope = tf.grad((x: tf.Tensor) => adversarialLosses.minimax.discriminator(x, tf.zeros([1]), 0.9))(
    best,
  );
  expect(slope.dataSync()[0]).toBeCloseTo(0, 6);
});

it('stays finite for outputs where a sigmoid rounds to 0 or 1', () => {
  const [high, low] = [tf.tensor1d([200]), tf.tensor1d([-200])];
  for (const name of ['minimax', 'non-saturating'] as const) {
    const { discriminator, generator } = adversarialLosses[name];
    expect(discriminator(low, high, 1).dataSync()[0]).toBeCloseTo(400, 3);
    expect(Number.isFinite(generator(high).dataSync()[0])).toBe(true);
  }
});

it('counts as saturated the outputs that are right with more than 99 %', () => {
  // sigmoid(4.6) is 0.990, sigmoid(4.5) is 0.989.
  expect(saturation(tf.tensor1d([4.6, 4.5, -9]), tf.tensor1d([-4.6, -4.7, 9])).dataSync()[0]).toBeCloseTo(
    0.5,
    6,
  );
});
