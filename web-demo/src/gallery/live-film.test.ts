import { hostTensor, type Manifest } from '@generatrix/runtime/core';
import { expect, test } from 'vitest';
import type { RemoteSampler } from '../worker/remote-sampler.ts';
import { liveFilm } from './live-film.ts';

/** A model of images of two pixels by code [3] and one of five classes: each pixel is the class, then the code's first. */
const manifest = {
  data: { kind: 'image', shape: [1, 2, 1], range: [0, 1] },
  programs: {
    sample: { inputs: { label: { role: 'label', classes: 5 } } },
    decode: { inputs: { latent: { role: 'latent', shape: [3] }, label: { role: 'label', classes: 5 } } },
  },
} as unknown as Manifest;

const sampler = {
  manifest,
  decode: async (latent: { shape: number[]; data: Float32Array }, { label }: { label: number }) => {
    const rows = latent.shape[0]!;
    const values = Array.from({ length: 2 * rows }, (_, i) =>
      i % 2 === 0 ? label : latent.data[3 * Math.floor(i / 2)]!,
    );
    return hostTensor('float32', [rows, 1, 2, 1], values);
  },
} as unknown as RemoteSampler;

test('each sample of a model with classes keeps its class while its code goes around', async () => {
  const film = await liveFilm(sampler, 'code', 7, new AbortController().signal);
  if (film.kind !== 'image') throw new Error(film.kind);
  const samples = film.frames[0]!.length / 2;
  expect(samples).toBeGreaterThan(1);
  for (const frame of film.frames) {
    const classes = Array.from({ length: samples }, (_, i) => frame[2 * i]!);
    expect(classes).toEqual(Array.from({ length: samples }, (_, i) => i % 5));
  }
  const [first, half] = [film.frames[0]!, film.frames[14]!];
  expect(film.frames.at(-1)![1]).toBeCloseTo(first[1]!, 5);
  // Half of the way around, a code is the other side of the circle.
  expect(half[1]).toBeCloseTo(-first[1]!, 5);
});
