import { tf } from '@generatrix/export';
import { beforeAll, expect, it } from 'vitest';
import { stripDistribution } from './strip-distribution.ts';

const pixels = 3;
const strips = Array.from({ length: 2 ** pixels }, (_, i) => [i >> 2, (i >> 1) & 1, i & 1]);
const logits = [0.4, -1.2, 2, 0.1, -0.6, 1.1, -2, 0.9];
const distribution = stripDistribution(pixels);

/** Probabilities of the strips in their order, in double precision. */
function probabilities(temperature: number): number[] {
  const powers = logits.map((logit) => Math.exp(logit / temperature));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

/** p(bit i is 1 | the bits before it), summed over strips. */
function conditional(bits: readonly number[], i: number, temperature: number): number {
  const mass = [0, 0];
  for (const [k, p] of probabilities(temperature).entries()) {
    if (strips[k]!.slice(0, i).every((bit, j) => bit === bits[j])) mass[strips[k]![i]!]! += p;
  }
  return mass[1]! / (mass[0]! + mass[1]!);
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('scores every strip by the softmax', () => {
  const scored = distribution.logProb(tf.tensor3d([strips]), tf.tile(tf.tensor3d([[logits]]), [1, 8, 1]));
  expect(scored.shape).toEqual([1, 8]);
  for (const [i, value] of (scored.dataSync() as Float32Array).entries()) {
    expect(value).toBeCloseTo(Math.log(probabilities(1)[i]!), 6);
  }
});

it.each([1, 0.5, 3])('draws each pixel from its conditional probability, temperature %f', (temperature) => {
  // Noise just beside each conditional probability: the pixel turns there, and those before it stay.
  const parameters = tf.tile(tf.tensor2d([logits]), [8, 1]);
  for (let i = 0; i < pixels; i++) {
    for (const side of [-1e-5, 1e-5]) {
      const uniform = strips.map((bits) =>
        bits.map((bit, j) => (j === i ? conditional(bits, i, temperature) + side : 1 - bit)),
      );
      const noise = { uniform: tf.tensor2d(uniform.map((row) => row.map((u) => Math.min(u, 1 - 2 ** -24)))) };
      const drawn = distribution.draw(parameters, noise, tf.scalar(temperature)).arraySync() as number[][];
      for (const [k, bits] of strips.entries()) {
        expect(drawn[k]!.slice(0, i)).toEqual(bits.slice(0, i));
        expect(drawn[k]![i]).toBe(side < 0 ? 1 : 0);
      }
      const { value, bounds } = distribution.forced(
        parameters,
        noise,
        tf.scalar(temperature),
        tf.tensor2d(strips),
      );
      const forced = value.arraySync() as number[][];
      const [lower, upper] = [bounds.uniform!.lower, bounds.uniform!.upper].map(
        (x) => x.arraySync() as number[][],
      );
      for (const [k, bits] of strips.entries()) {
        const threshold = conditional(bits, i, temperature);
        expect(forced[k]![i]).toBe(side < 0 ? 1 : 0);
        expect(side < 0 ? upper![k]![i] : lower![k]![i]).toBeCloseTo(threshold, 6);
      }
    }
  }
});
