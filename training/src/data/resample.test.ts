import { expect, test } from 'vitest';
import { resampler } from './resample.ts';

const tone = (frequency: number, rate: number, seconds: number): Float32Array =>
  Float32Array.from({ length: Math.round(rate * seconds) }, (_, n) =>
    Math.sin((2 * Math.PI * frequency * n) / rate),
  );

/** Largest difference away from the ends, where the kernel reaches beyond the sound. */
const error = (got: Float32Array, expected: (n: number) => number, margin: number): number =>
  got
    .slice(margin, -margin)
    .reduce((worst, value, n) => Math.max(worst, Math.abs(value - expected(n + margin))), 0);

test.each([
  [16_000, 8000],
  [44_100, 8000],
  [8000, 16_000],
  [11_025, 8000],
  [8000, 44_100],
])('from %i to %i Hz a tone stays itself', (from, to) => {
  const out = resampler(from, to)(tone(700, from, 0.5));
  expect(out.length).toBe(Math.round(to * 0.5));
  const margin = Math.ceil(30 * Math.max(1, to / from));
  // A Hann-windowed sinc of 24 crossings ripples by less than 1e-3 in its pass band.
  expect(error(out, (n) => Math.sin((2 * Math.PI * 700 * n) / to), margin)).toBeLessThan(1e-3);
});

test('a tone above the new Nyquist frequency is removed, not folded back', () => {
  const out = resampler(16_000, 8000)(tone(5000, 16_000, 0.5));
  // 44 dB, the first side lobe of the Hann window, is 6e-3; farther out it is less.
  expect(error(out, () => 0, 40)).toBeLessThan(2e-3);
});

test('equal rates return the samples as they are', () => {
  const samples = tone(100, 8000, 0.1);
  expect(resampler(8000, 8000)(samples)).toBe(samples);
});

test('a sound of one sample survives', () => {
  expect(resampler(44_100, 8000)(Float32Array.of(1)).length).toBe(1);
});
