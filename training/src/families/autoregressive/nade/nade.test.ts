import { type NamedTensors, tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { lossAndGradients } from '../../../core/gradients.ts';
import { type NadePass, nadeLogits, nadeLossAndGradients } from './nade-pass.ts';

const [dimensions, hidden] = [11, 6];
const parameters = {
  'hidden/kernel': { shape: [dimensions, hidden], initial: 0 },
  'hidden/bias': { shape: [hidden], initial: 0 },
  'output/kernel': { shape: [dimensions, hidden], initial: 0 },
  'output/bias': { shape: [dimensions], initial: 0 },
};
const passOf = (block: number): NadePass => ({ dimensions, hidden, block });

function normal(stream: string, shape: readonly number[]): tf.Tensor {
  const values = fillNoise({ distribution: 'normal', seed: 8, stream, firstIndex: 0, count: 1, shape });
  return tf.tensor(values, [...shape]);
}

let state: NamedTensors;
let x: tf.Tensor2D;

beforeAll(async () => {
  await tf.setBackend('cpu');
  state = Object.fromEntries(
    Object.entries(parameters).map(([name, { shape }]) => [name, normal(name, shape)]),
  );
  x = tf.cast(tf.greater(normal('x', [7, dimensions]), 0), 'float32') as tf.Tensor2D;
});

/** The equations one dimension and one unit at a time, in double precision. */
function logitsByHand(row: readonly number[]): number[] {
  const [w, c, v, b] = Object.keys(parameters).map((name) => state[name]!.dataSync()) as Float32Array[];
  return row.map((_, d) => {
    let logit = b![d]!;
    for (let unit = 0; unit < hidden; unit++) {
      let a = c![unit]!;
      for (let i = 0; i < d; i++) a += row[i]! * w![i * hidden + unit]!;
      logit += v![d * hidden + unit]! / (1 + Math.exp(-a));
    }
    return logit;
  });
}

/**
 * A loss that tfjs differentiates by itself: all activations at once from an exclusive cumsum. Its axis is the last,
 * [batch, H, D], since tfjs 4.22 cannot differentiate a cumsum along another.
 */
function plainLoss(current: NamedTensors): { loss: tf.Tensor } {
  const added = tf.mul(tf.expandDims(x, 1), tf.expandDims(tf.transpose(current['hidden/kernel']!), 0));
  const sums = tf.transpose(tf.cumsum(added, 2, true), [0, 2, 1]); // [batch, D, H]
  const h = tf.sigmoid(tf.add(sums, current['hidden/bias']!));
  const logits = tf.add(tf.sum(tf.mul(h, current['output/kernel']!), 2), current['output/bias']!);
  return { loss: tf.mean(tf.sum(tf.sub(tf.softplus(logits), tf.mul(x, logits)), 1)) };
}

// Blocks of 4 do not divide 11 dimensions, blocks of 11 are all of them, of 16 more than there are.
describe.each([1, 4, 11, 16])('NADE in blocks of %i', (block) => {
  it('has the logits of the equations worked out by hand', () => {
    const logits = nadeLogits(passOf(block), state, x).arraySync();
    for (const [i, row] of x.arraySync().entries()) {
      // Sums of 11 and 6 terms of order 1 in float32.
      for (const [d, expected] of logitsByHand(row).entries()) expect(logits[i]![d]).toBeCloseTo(expected, 5);
    }
  });

  it('has the gradient that automatic differentiation gives of the plain formula, for every parameter', () => {
    const { loss, gradients } = nadeLossAndGradients(passOf(block), state, x);
    const expected = lossAndGradients(state, parameters, plainLoss);
    expect(loss.dataSync()[0]).toBeCloseTo(expected.metrics.loss.dataSync()[0]!, 4);
    expect(Object.keys(gradients).toSorted()).toEqual(Object.keys(parameters).toSorted());
    for (const name of Object.keys(parameters)) {
      const actual = gradients[name]!.dataSync();
      expect(gradients[name]!.shape).toEqual(parameters[name as keyof typeof parameters].shape);
      for (const [i, value] of expected.gradients[name]!.dataSync().entries()) {
        expect(actual[i], `${name}[${i}]`).toBeCloseTo(value, 5);
      }
    }
  });

  it('has the gradient that finite differences give', () => {
    const { gradients } = nadeLossAndGradients(passOf(block), state, x);
    const h = 1e-2;
    for (const [name, gradient] of Object.entries(gradients)) {
      const norm = tf.norm(gradient).dataSync()[0]!;
      const moved = (sign: number) => {
        const place = tf.add(state[name]!, tf.mul(gradient, (sign * h) / norm));
        return nadeLossAndGradients(passOf(block), { ...state, [name]: place }, x).loss.dataSync()[0]!;
      };
      // The loss is about 10: float32 leaves 1e-6 / h = 1e-4 of noise; the curvature adds h^2.
      expect(Math.abs((moved(1) - moved(-1)) / (2 * h) - norm), name).toBeLessThan(1e-3 + 1e-3 * norm);
    }
  });
});

it('a dimension that is last in the order has no say: its input weights get no gradient at all', () => {
  const { gradients } = nadeLossAndGradients(passOf(4), state, tf.ones([3, dimensions]));
  const last = tf.slice(gradients['hidden/kernel']!, [dimensions - 1, 0], [1, hidden]).dataSync();
  expect([...last].map(Math.abs)).toEqual(new Array(hidden).fill(0));
});
