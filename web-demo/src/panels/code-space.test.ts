import { hostTensor, type Manifest } from '@generatrix/runtime/core';
import { expect, test } from 'vitest';
import { codeIsNoise, codeSpace, momentsOf } from './code-space.ts';

const signature = (inputs: object) => ({ inputs, outputs: {} }) as unknown as Manifest['programs'][string];
const noise = { role: 'noise', dtype: 'float32', shape: [2], distribution: 'normal' };
const latent = { role: 'latent', dtype: 'float32', shape: [2] };
const [encode, decode] = [signature({}), signature({ latent })];
const plain = { programs: { encode, decode, sample: signature({ z: noise }) } };
const learned = { programs: { encode, decode, sample: signature({ priorNoise: noise }) } };

const codes = hostTensor('float32', [2, 2], [1, -3, 3, -3]);
const sampler = {
  sample: async () => ({ seed: 1, data: hostTensor('float32', [2, 1], [0, 0]) }),
  encode: async () => codes,
} as unknown as Parameters<typeof codeSpace>[0];

test('codes that noise is turned into are told from noise', () => {
  expect(codeIsNoise(plain)).toBe(true);
  expect(codeIsNoise(learned)).toBe(false);
});

test('mean and deviation of codes, by hand', () => {
  expect(momentsOf(codes)).toEqual({
    centre: Float32Array.of(2, -3),
    deviation: Float32Array.of(1, 0),
  });
});

test('a learned prior is explored where its codes are, a standard normal one about 0', async () => {
  expect((await codeSpace(sampler, learned, 2, {})).centre).toEqual(Float32Array.of(2, -3));
  expect(await codeSpace(sampler, plain, 2, {})).toEqual({
    centre: new Float32Array(2),
    deviation: Float32Array.of(1, 1),
  });
});
