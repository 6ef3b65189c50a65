import { type NamedTensors, tf } from '@generatrix/export';
import { hostTensor, type ProgramSignature } from '@generatrix/runtime/core';
import { beforeAll, expect, test } from 'vitest';
import type { ModelProgram } from '../families/family.ts';
import { generatorOf, invert } from './inversion.ts';

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
  const noise = { role: 'noise', dtype: 'float32', shape: [4], law: 'normal' } as const;
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
    latentShape: [4],
    label: 'label',
  });
  const uniform = { ...noise, law: 'uniform' } as const;
  expect(generatorOf({ programs: { sample: sample({ z: noise, u: uniform }) } })).toBeNull();
  expect(generatorOf({ programs: {} })).toBeNull();
});
