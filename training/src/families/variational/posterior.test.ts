import { tf } from '@generatrix/export';
import { sizeOf } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { activations } from '../../nn/activations.ts';
import { standardNormalLogProb, sumExamples } from '../../nn/distributions.ts';
import type { CoderOptions } from '../../nn/encoder-decoder.ts';
import { madeUp } from '../../testing/module-check.ts';
import { logAbsDeterminant } from '../flow/flow-test-support.ts';
import { strongState } from './posterior.test-support.ts';
import { type Posterior, posteriorOf } from './posterior.ts';

beforeAll(() => tf.setBackend('cpu'));

const networks: CoderOptions = {
  architecture: 'mlp',
  hidden: [5],
  filters: [],
  activation: activations.tanh,
};

const posterior = (kind: 'gaussian' | 'iaf', latent: number, flowHidden: readonly number[] = [7, 6]) =>
  posteriorOf({ latent, posterior: kind, flowSteps: 3, flowHidden: [...flowHidden] }, networks, [4]);

/** The code of one example at this noise, and log q(z|x). */
function drawn({ encode, draw, specs }: Posterior, eps: readonly number[]) {
  const state = strongState(specs);
  const encoding = encode(state, tf.tensor2d([madeUp(4, 3)]));
  const { z, logQ } = draw(state, encoding, tf.tensor2d([[...eps]]));
  return { z: [...z.dataSync()], logQ: sumExamples(logQ).dataSync()[0]! };
}

describe('the distribution of codes', () => {
  it.each([
    ['gaussian', 3],
    ['iaf', 1],
    ['iaf', 2],
    ['iaf', 4],
  ] as const)('%s of %i dimensions has the density that the change of variables gives', (kind, latent) => {
    const q = posterior(kind, latent);
    const eps = madeUp(latent, 5);
    const h = 1e-3;
    const columns = eps.map((_, j) => {
      const moved = (sign: number) =>
        drawn(
          q,
          eps.map((value, k) => (k === j ? value + sign * h : value)),
        ).z;
      const [up, down] = [moved(1), moved(-1)];
      return up.map((value, i) => (value - down[i]!) / (2 * h));
    });
    const jacobian = eps.map((_, i) => columns.map((column) => column[i]!));
    const base = sumExamples(standardNormalLogProb(tf.tensor2d([eps]))).dataSync()[0]!;
    // Central differences of float32 values of about 1 err by some 1e-4 in each entry.
    expect(drawn(q, eps).logQ).toBeCloseTo(base - logAbsDeterminant(jacobian), 2);
  });

  it('a flow ties the dimensions, a Gaussian does not', () => {
    const spread = (kind: 'gaussian' | 'iaf') => {
      const q = posterior(kind, 3);
      const [a, b] = [drawn(q, [0.5, 0.1, -0.4]).z, drawn(q, [0.9, 0.1, -0.4]).z];
      return a.map((value, i) => Math.abs(value - b[i]!));
    };
    expect(spread('gaussian').slice(1)).toEqual([0, 0]);
    for (const change of spread('iaf')) expect(change).toBeGreaterThan(1e-4);
  });

  it('a flow starts near the Gaussian that it begins with', () => {
    const q = posterior('iaf', 3);
    // Kernels of the gates and shifts start near zero: z' = sigmoid(2)^3 z.
    const state = Object.fromEntries(
      Object.entries(q.specs).map(([name, { shape }]) => [
        name,
        /shift|gate/.test(name) ? tf.zeros([...shape]) : tf.tensor(madeUp(sizeOf(shape), 1), [...shape]),
      ]),
    );
    const encoding = q.encode(state, tf.tensor2d([madeUp(4, 3)]));
    const eps = tf.tensor2d([madeUp(3, 4)]);
    const { z } = q.draw(state, encoding, eps);
    const gaussian = tf.add(encoding.mean, tf.mul(tf.exp(encoding.logStd), eps)).dataSync();
    const gate = (1 / (1 + Math.exp(-2))) ** 3;
    for (const [i, value] of z.dataSync().entries()) expect(value).toBeCloseTo(gate * gaussian[i]!, 5);
  });

  it('its centre is the code without noise, with the deviation of each dimension there', () => {
    for (const kind of ['gaussian', 'iaf'] as const) {
      const q = posterior(kind, 3);
      const state = strongState(q.specs);
      const encoding = q.encode(state, tf.tensor2d([madeUp(4, 3)]));
      const { mean, logStd } = q.centre(state, encoding);
      expect([...mean.dataSync()]).toEqual(drawn(q, [0, 0, 0]).z);
      expect(sumExamples(logStd).dataSync()[0]).toBeCloseTo(
        -1.5 * Math.log(2 * Math.PI) - drawn(q, [0, 0, 0]).logQ,
        4,
      );
    }
  });
});
