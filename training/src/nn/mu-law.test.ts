import { tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { muLawIndex, muLawValue } from './mu-law.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each([2, 3, 16, 256])('mu-law of %i levels', (levels) => {
  const mu = levels - 1;
  const range = Array.from({ length: levels }, (_, i) => i);

  it('decodes to the closed form, from -1 to 1', () => {
    const values = muLawValue(tf.tensor1d(range), levels).dataSync();
    for (const i of range) {
      const y = (2 * i) / mu - 1;
      // An exponent of up to 5.5 in float32 leaves its exponential a relative error of 1e-6.
      expect(values[i]).toBeCloseTo((Math.sign(y) * ((1 + mu) ** Math.abs(y) - 1)) / mu, 5);
    }
    expect(values[0]).toBeCloseTo(-1, 5);
    expect(values[mu]).toBeCloseTo(1, 5);
  });

  it('encodes what it decoded to the same bin', () => {
    const index = muLawIndex(muLawValue(tf.tensor1d(range), levels), levels);
    expect([...index.dataSync()]).toEqual(range);
  });

  it('encodes to the closed form, ends and values outside included', () => {
    const samples = [-7, -1, ...Array.from({ length: 999 }, (_, i) => (i + 0.5) / 500 - 1), 0, 1, 1.5];
    const index = muLawIndex(tf.tensor1d(samples), levels).dataSync();
    for (const [i, sample] of samples.entries()) {
      const x = Math.max(-1, Math.min(1, sample));
      const companded = (Math.sign(x) * Math.log1p(mu * Math.abs(x))) / Math.log1p(mu);
      const place = ((companded + 1) / 2) * mu + 0.5;
      // Within float32 of a border either bin is right.
      const nearBorder = Math.abs(place - Math.round(place)) < 1e-4;
      expect(Math.abs(index[i]! - Math.min(Math.floor(place), mu))).toBeLessThanOrEqual(nearBorder ? 1 : 0);
    }
  });
});

it('is finer near zero: at 256 levels the bins at zero are 22 times narrower than evenly spaced ones', () => {
  const values = muLawValue(tf.tensor1d([127, 128]), 256).dataSync();
  const expected = (2 * (256 ** (1 / 255) - 1)) / 255;
  expect(values[1]! - values[0]!).toBeCloseTo(expected, 7);
});
