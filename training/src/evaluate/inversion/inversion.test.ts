import { type NamedTensors, tf } from '@generatrix/export';
import { hostTensor, type ProgramSignature } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ModelProgram } from '../../model/model.ts';
import { type Generator, generatorOf } from './generator.ts';
import { invert } from './inversion.ts';
import { inversionOutcome } from './inversion-finding.ts';

const signature: ProgramSignature = {
  inputs: { latent: { role: 'latent', dtype: 'float32', shape: [2] } },
  outputs: { data: { dtype: 'float32', shape: [3], meaning: 'data' } },
};

/** G(z) = tanh(z) W: the plane spanned by the rows of W, within bounds. */
const decode: ModelProgram = {
  signature,
  run: (state: NamedTensors, { latent }) => ({
    data: tf.matMul(tf.tanh(latent!), state.weights as tf.Tensor2D),
  }),
};

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test('finds the nearest point that the generator reaches: the projection onto a plane', async () => {
  const state = { weights: tf.tensor2d([1, 0, 0, 0, 2, 0], [2, 3]) };
  const generator = generatorOf({ programs: { decode } })!;
  // In reach; off the plane by 0.6, so the mean square over three values is 0.12; beyond the bound 1 by 0.5.
  const data = hostTensor('float32', [3, 3], [0.5, -1, 0, -0.2, 1, 0.6, 1.5, 0, 0]);
  const { errors, reconstructions } = await invert(generator, state, data, null, { seed: 3, steps: 400 });
  expect(errors[0]).toBeLessThan(1e-6);
  expect(errors[1]).toBeCloseTo(0.12, 5);
  // tanh nears its bound slowly.
  expect(errors[2]).toBeGreaterThan(0.25 / 3);
  expect(errors[2]).toBeLessThan(0.28 / 3);
  expect(Array.from(reconstructions.data.subarray(3, 6))).toEqual(
    [-0.2, 1, 0].map((value) => expect.closeTo(value, 3) as number),
  );
  tf.dispose(state);
});

test('takes decode before sample, passes over programs with other inputs, and keeps the label', () => {
  const noise = { role: 'noise', dtype: 'float32', shape: [2], distribution: 'normal' } as const;
  const sample = (inputs: ProgramSignature['inputs']): ModelProgram => ({
    ...decode,
    signature: { ...signature, inputs },
  });
  expect(generatorOf({ programs: { sample: sample({ z: noise }), decode } })).toMatchObject({
    latent: 'latent',
  });
  const label = { role: 'label', dtype: 'int32', shape: [], classes: 3 } as const;
  expect(generatorOf({ programs: { sample: sample({ z: noise, label }) } })).toMatchObject({
    latent: 'z',
    latentShape: [2],
    label: 'label',
  });
  const uniform = { ...noise, distribution: 'uniform' } as const;
  expect(generatorOf({ programs: { sample: sample({ z: noise, u: uniform }) } })).toBeNull();
  expect(generatorOf({ programs: {} })).toBeNull();
});

test('codes follow the distribution that the program declares: uniform noise is not taken for a decoder of normal codes', () => {
  const noise = { role: 'noise', dtype: 'float32', shape: [2], distribution: 'uniform' } as const;
  const sample: ModelProgram = { ...decode, signature: { ...signature, inputs: { z: noise } } };
  // The decoder takes what the sampler makes of its noise, of which nothing is known.
  expect(generatorOf({ programs: { sample, decode } })).toMatchObject({
    latent: 'z',
    distribution: 'uniform',
  });
  const observed = { ...noise, shape: [3] } as const;
  const normal = { ...noise, distribution: 'normal' } as const;
  const drawn: ModelProgram = {
    ...decode,
    signature: { ...signature, inputs: { z: normal, observation: observed } },
  };
  expect(generatorOf({ programs: { sample: drawn, decode } })).toMatchObject({
    latent: 'latent',
    distribution: 'normal',
  });
});

/** One number of noise to a point on the circle, with eight steps that a threshold or a smooth curve makes. */
function circle(turn: (u: tf.Tensor) => tf.Tensor, distribution: Generator['distribution']): Generator {
  return {
    latent: 'z',
    latentShape: [1],
    distribution,
    label: null,
    data: 'data',
    program: {
      signature: {
        inputs: { z: { role: 'noise', dtype: 'float32', shape: [1], distribution } },
        outputs: { data: { dtype: 'float32', shape: [2], meaning: 'data' } },
      },
      run: (_, { z }) => {
        const angle = turn(z!);
        return { data: tf.concat([tf.cos(angle), tf.sin(angle)], 1) };
      },
    },
  };
}

test('a generator that covers eight modes is found to, though each mode is a valley of its own', async () => {
  // Steep steps between plateaus at multiples of a quarter of pi: the error of a code has a minimum at each.
  const steps = circle((z) => {
    const u = tf.mul(z, 8);
    return tf.mul(tf.add(tf.sub(u, tf.div(tf.sin(tf.mul(u, 2 * Math.PI)), 2 * Math.PI)), 0), Math.PI / 4);
  }, 'uniform');
  const angles = Array.from({ length: 8 }, (_, i) => (i * Math.PI) / 4);
  const data = hostTensor(
    'float32',
    [8, 2],
    angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]),
  );
  const { errors, differentiable } = await invert(steps, {}, data, null, { seed: 1, steps: 100 });
  expect(differentiable).toBe(true);
  expect(Math.max(...errors)).toBeLessThan(1e-4);
});

test('uniform codes stay in their interval: what lies beyond it is not reached', async () => {
  // Half of the circle for codes in (0, 1); the point below is nearest to its ends, at a squared distance of 2.
  const half = circle((z) => tf.mul(z, Math.PI), 'uniform');
  const data = hostTensor('float32', [2, 2], [0, 1, 0, -1]);
  const { errors } = await invert(half, {}, data, null, { seed: 1, steps: 150 });
  expect(errors[0]).toBeLessThan(1e-6);
  expect(errors[1]).toBeGreaterThan(0.99);
});

test('a program that draws by thresholds, or passes gradients straight through them, is not inverted', async () => {
  const rounded = circle((z) => tf.mul(tf.floor(tf.mul(z, 8)), Math.PI / 4), 'uniform');
  const straight = circle((z) => {
    const through = tf.customGrad((x) => ({
      value: tf.floor(tf.mul(x as tf.Tensor, 8)),
      gradFunc: (dy) => tf.mul(dy, 8),
    }));
    return tf.mul(through(z), Math.PI / 4);
  }, 'uniform');
  const data = hostTensor('float32', [4, 2], [1, 0, 0, 1, 0.6, 0.8, -1, 0]);
  for (const generator of [rounded, straight]) {
    const found = await invert(generator, {}, data, null, { seed: 1, steps: 10 });
    expect(found.differentiable).toBe(false);
    // The best of the candidates is kept.
    expect(found.errors[0]).toBeLessThan(1e-6);
    expect([...found.errors]).toEqual(
      [...found.startErrors].map((error) => expect.closeTo(error, 6) as number),
    );
  }
});

test("the generator's own samples come back to their codes, and classes pick theirs", async () => {
  const labelled: Generator = {
    ...circle((z) => z, 'normal'),
    label: 'label',
    program: {
      signature,
      run: (_, { z, label }) => {
        const side = tf.reshape(tf.sub(tf.mul(tf.cast(label!, 'float32'), 2), 1), [-1, 1]);
        return { data: tf.concat([z!, tf.mul(tf.ones([z!.shape[0]!, 1]), side)], 1) };
      },
    },
  };
  const data = hostTensor('float32', [2, 2], [0.3, 1, 0.3, 1]);
  const found = await invert(labelled, {}, data, Int32Array.of(1, 0), { seed: 2, own: 2, steps: 100 });
  expect(found.errors).toHaveLength(4);
  expect(found.errors[0]).toBeLessThan(1e-6);
  // The other class is off by 2 in the second value, whatever the code.
  expect(found.errors[1]).toBeCloseTo(2, 4);
  expect(Math.max(found.errors[2]!, found.errors[3]!)).toBeLessThan(1e-6);
});

describe('what the errors say', () => {
  const data = hostTensor(
    'float32',
    [20, 1],
    Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 1 : -1)),
  );
  const outcome = async (train: number, apart: number, own: number) => {
    const errors = Float64Array.from(
      { length: 30 },
      (_, i) => (i < 10 ? train : i < 20 ? apart : own) * (1 + i / 1000),
    );
    const spec = { kind: 'points', shape: [1] } as const;
    const found = { errors, startErrors: errors, reconstructions: data };
    return (await inversionOutcome({ spec, seed: 1 }, found, data, 10)).finding;
  };
  test.each([
    [0.01, 0.01, 0.001, 'ok', /^There is a way back/],
    [0.5, 0.6, 0.001, 'warning', /^Real examples are out of the generator's reach/],
    [0.5, 0.6, 0.7, 'warning', /^A way back from x to z was not found/],
    [0.001, 0.2, 0.001, 'warning', /^Training examples are reached better/],
  ])('errors %s of training examples, %s of others, %s of own samples: %s', async (...given) => {
    const [train, apart, own, verdict, text] = given;
    const finding = await outcome(train, apart, own);
    expect(finding.verdict).toBe(verdict);
    expect(finding.text).toMatch(text);
  });
});
