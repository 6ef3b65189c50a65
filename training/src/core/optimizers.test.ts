import { type NamedTensors, tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { type OptimizerName, settleTraining, type TrainingOptions } from '../model/training-options.ts';
import { optimizerOf } from './optimizer.ts';

beforeAll(() => tf.setBackend('cpu'));

const parameters = { w: { shape: [2], initial: 0 } };
const start = [0.5, -1.5];
const rate = 0.05;
/** Of 3 w1^2 / 2 + w2^4 / 4, so that they change in size and sign on the way. */
const slope = ([a, b]: readonly number[]): number[] => [3 * a!, b! ** 3];

/** The parameters after each of some steps of the optimizer. */
function pathOf(name: OptimizerName, options: TrainingOptions, steps: number): number[][] {
  const optimizer = optimizerOf(settleTraining({}, { optimizer: name, ...options }));
  let state: NamedTensors = { w: tf.tensor1d(start) };
  for (const [slot, { shape }] of Object.entries(optimizer.specs(parameters, 'slots'))) {
    state[slot] = tf.zeros([...shape]);
  }
  return Array.from({ length: steps }, (_, i) => {
    const gradients = { w: tf.tensor1d(slope([...state.w!.dataSync()])) };
    state = { ...state, ...optimizer.update(state, gradients, tf.scalar(rate), 'slots') };
    expect(state['slots/count']!.dataSync()[0]).toBe(i + 1);
    return [...state.w!.dataSync()];
  });
}

/** The papers' updates in doubles: one coordinate, given its gradient and what the coordinate keeps. */
type Rule = (
  g: number,
  kept: { m: number; v: number },
  t: number,
) => { change: number; m: number; v: number };

const rules: readonly [OptimizerName, TrainingOptions, Rule][] = [
  ['sgd', { momentum: 0 }, (g) => ({ change: g, m: 0, v: 0 })],
  [
    'sgd',
    { momentum: 0.8 },
    (g, { m }) => {
      const velocity = 0.8 * m + g;
      return { change: velocity, m: velocity, v: 0 };
    },
  ],
  [
    'rmsprop',
    { rho: 0.7, epsilon: 1e-3 },
    (g, { v }) => {
      const square = 0.7 * v + 0.3 * g * g;
      return { change: g / (Math.sqrt(square) + 1e-3), m: 0, v: square };
    },
  ],
  [
    'adamax',
    { beta1: 0.6, beta2: 0.9 },
    (g, { m, v }, t) => {
      const [mean, most] = [0.6 * m + 0.4 * g, Math.max(0.9 * v, Math.abs(g))];
      return { change: mean / (1 - 0.6 ** t) / most, m: mean, v: most };
    },
  ],
  ...(['adam', 'adamw'] as const).map((name): [OptimizerName, TrainingOptions, Rule] => [
    name,
    { beta1: 0.6, beta2: 0.9, epsilon: 1e-3 },
    (g, { m, v }, t) => {
      const [mean, square] = [0.6 * m + 0.4 * g, 0.9 * v + 0.1 * g * g];
      const change = mean / (1 - 0.6 ** t) / (Math.sqrt(square / (1 - 0.9 ** t)) + 1e-3);
      return { change, m: mean, v: square };
    },
  ]),
];

describe.each(rules)('%s with %j', (name, options, rule) => {
  it("is the paper's update in doubles", () => {
    let w = [...start];
    let kept = start.map(() => ({ m: 0, v: 0 }));
    for (const [i, actual] of pathOf(name, options, 12).entries()) {
      const moves = slope(w).map((g, k) => rule(g, kept[k]!, i + 1));
      w = w.map((value, k) => value - rate * moves[k]!.change);
      kept = moves;
      for (const [k, value] of actual.entries()) expect(value).toBeCloseTo(w[k]!, 5);
    }
  });
});

describe("follows the optimizers of tfjs, another's work", () => {
  it.each<[OptimizerName, TrainingOptions, () => tf.Optimizer]>([
    ['sgd', { momentum: 0.9 }, () => tf.train.momentum(rate, 0.9)],
    ['rmsprop', { rho: 0.9, epsilon: 1e-8 }, () => tf.train.rmsprop(rate, 0.9, 0, 1e-16)],
    ['adamax', { beta1: 0.9, beta2: 0.999 }, () => tf.train.adamax(rate, 0.9, 0.999, 1e-8)],
  ])('%s', (name, options, other) => {
    const w = tf.variable(tf.tensor1d(start));
    const optimizer = other();
    for (const actual of pathOf(name, options, 12)) {
      optimizer.applyGradients({ [w.name]: tf.tensor1d(slope([...w.dataSync()])) });
      for (const [k, value] of [...w.dataSync()].entries()) expect(actual[k]).toBeCloseTo(value, 5);
    }
  });
});

it('a gradient that is always 0 moves nothing', () => {
  for (const [name, options] of rules) {
    const optimizer = optimizerOf(settleTraining({}, { optimizer: name, ...options }));
    const slots = Object.keys(optimizer.specs({ w: { shape: [1], initial: 0 } }, 's'));
    const state = {
      w: tf.tensor1d([2]),
      ...Object.fromEntries(slots.map((slot) => [slot, tf.zeros(slot.endsWith('count') ? [] : [1])])),
    };
    const next = optimizer.update(state, { w: tf.zeros([1]) }, tf.scalar(rate), 's');
    expect([name, ...next.w!.dataSync()]).toEqual([name, 2]);
  }
});
