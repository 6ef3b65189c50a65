import { describe, expect, test } from 'vitest';
import { erf, kolmogorovDistance } from '../testing/statistics.ts';
import { boxMuller, logOfWord } from './box-muller.ts';
import { fillNoise, hashName, type NoiseRequest } from './noise.ts';
import { philox4x32 } from './philox.ts';

const request: NoiseRequest = {
  distribution: 'normal',
  seed: 42,
  stream: 'sample/z',
  firstIndex: 0,
  count: 5,
  shape: [7],
};
const fill = (change: Partial<NoiseRequest>) => fillNoise({ ...request, ...change });
const words = (...key: [number, number, number, number, number, number]) => {
  const out = new Uint32Array(4);
  philox4x32(out, ...key);
  return [...out];
};

test.each(['normal', 'uniform'] as const)('%s: a part is what the whole has in its place', (distribution) => {
  const whole = fill({ distribution, shape: [23], firstIndex: 9 });
  for (const [skip, size] of [
    [0, 23],
    [1, 2],
    [3, 9],
    [4, 4],
    [6, 1],
    [22, 1],
    [5, 0],
  ] as const) {
    const part = fill({ distribution, shape: [size], skip, firstIndex: 9 });
    const expected = whole.filter((_, i) => i % 23 >= skip && i % 23 < skip + size);
    expect([...part]).toEqual([...expected]);
  }
});

describe('the map from words to numbers', () => {
  // Published 32-bit FNV-1a test vectors (test_fnv.c of the authors' reference code): '', 'a' and 'foobar'.
  test('the stream name is hashed with FNV-1a', () => {
    expect(['', 'a', 'foobar'].map(hashName)).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
  });

  test('key and counter are seed and (block, stream, sample, draw), and a uniform is the upper 24 bits', () => {
    const seed = 0x1234 * 2 ** 32 + 0x89abcdef;
    const filled = fill({ distribution: 'uniform', seed, firstIndex: 3, count: 1, draw: 9, shape: [2, 3] });
    const stream = hashName('sample/z');
    const expected = [0, 1].flatMap((block) => words(block, stream, 3, 9, 0x89abcdef, 0x1234));
    expect([...filled]).toEqual(expected.slice(0, 6).map((word) => Math.floor(word / 256) / 2 ** 24));
  });

  test('a normal is Box-Muller, as Math computes it', () => {
    const filled = fill({ firstIndex: 2 ** 32 - 1, count: 1, shape: [4] });
    const [a, b, c, d] = words(0, hashName('sample/z'), 2 ** 32 - 1, 0, 42, 0) as [
      number,
      number,
      number,
      number,
    ];
    const pair = (u: number, v: number) => {
      const radius = Math.sqrt(-2 * Math.log((u + 0.5) / 2 ** 32));
      const angle = (2 * Math.PI * v) / 2 ** 32;
      return [radius * Math.cos(angle), radius * Math.sin(angle)];
    };
    // Both are right to about 1e-15; rounding to float32 may then differ in the last bit, 6e-8.
    for (const [i, value] of [...pair(a, b), ...pair(c, d)].entries()) {
      expect(Math.abs(filled[i]! - value)).toBeLessThan(1.2e-7 * Math.abs(value));
    }
  });

  test('logarithm, sine and cosine are right to the last bits of double precision', () => {
    const grid = Array.from({ length: 4096 }, (_, i) => (i * 0x9e3779b1) >>> 0);
    const edges = [
      0,
      1,
      2,
      2 ** 29,
      2 ** 30 - 1,
      2 ** 30,
      2 ** 31 - 1,
      2 ** 31,
      3 * 2 ** 30,
      2 ** 32 - 2,
      2 ** 32 - 1,
    ];
    const out = new Float64Array(2);
    for (const word of [...edges, ...edges.map((edge) => (edge + 2 ** 29) % 2 ** 32), ...grid]) {
      const expected = Math.log((word + 0.5) / 2 ** 32);
      // Two units in the last place, of ours and of Math's.
      expect(Math.abs(logOfWord(word) - expected)).toBeLessThan(9e-16 * Math.abs(expected));
      boxMuller(out, 0, 2 ** 31, word);
      const radius = Math.sqrt(-2 * logOfWord(2 ** 31));
      const angle = (word / 2 ** 32) * 2 * Math.PI;
      // Math's angle is rounded to 53 bits of up to 2 pi before its cosine is taken: 9e-16 absolute.
      expect(Math.abs(out[0]! - radius * Math.cos(angle))).toBeLessThan(2e-15);
      expect(Math.abs(out[1]! - radius * Math.sin(angle))).toBeLessThan(2e-15);
    }
  });

  test('quarter turns are exact', () => {
    const out = new Float64Array(2);
    const radius = Math.sqrt(-2 * logOfWord(7));
    const corners = [0, 1, 2, 3].map((quarter) => {
      boxMuller(out, 0, 7, quarter * 2 ** 30);
      return [out[0]! / radius + 0, out[1]! / radius + 0];
    });
    expect(corners).toEqual([
      [1, 0],
      [0, 1],
      [-1, 0],
      [0, -1],
    ]);
  });
});

describe('what noise depends on', () => {
  test.each(['normal', 'uniform'] as const)('%s: a sample is the same in any batch', (distribution) => {
    const whole = fill({ distribution, count: 20, shape: [3, 3] });
    for (const [firstIndex, count] of [
      [0, 1],
      [19, 1],
      [4, 9],
    ] as const) {
      expect(fill({ distribution, firstIndex, count, shape: [3, 3] })).toEqual(
        whole.subarray(firstIndex * 9, (firstIndex + count) * 9),
      );
    }
  });

  test('a shorter sample is the start of a longer one', () => {
    const long = fill({ count: 1, shape: [40] });
    for (const size of [1, 2, 3, 4, 5, 39]) {
      expect(fill({ count: 1, shape: [size] })).toEqual(long.subarray(0, size));
    }
  });

  test('seed, stream, sample and draw each give other numbers', () => {
    const variants = [
      {},
      { seed: 43 },
      { seed: 42 + 2 ** 32 },
      { stream: 'sample/u' },
      { draw: 1 },
      { firstIndex: 5 },
      { distribution: 'uniform' as const },
    ].map((change) => [...fill(change)]);
    const all = variants.flat();
    expect(new Set(all).size).toBe(all.length);
  });

  test('a bigint seed equals the number it stands for, and may be larger', () => {
    expect(fill({ seed: 42n })).toEqual(fill({}));
    const largest = fill({ seed: 2n ** 64n - 1n, distribution: 'uniform', count: 1, shape: [1] });
    expect(largest[0]).toBe(
      (words(0, hashName('sample/z'), 0, 0, 2 ** 32 - 1, 2 ** 32 - 1)[0]! >>> 8) / 2 ** 24,
    );
  });

  test('no samples, and samples without elements, are empty', () => {
    expect(fill({ count: 0 })).toEqual(new Float32Array(0));
    expect(fill({ shape: [3, 0] })).toEqual(new Float32Array(0));
    expect(fill({ shape: [] })).toHaveLength(5);
  });

  test.each<[string, Partial<NoiseRequest>]>([
    ['seed', { seed: -1 }],
    ['seed', { seed: 1.5 }],
    ['seed', { seed: 2 ** 53 }],
    ['seed', { seed: 2n ** 64n }],
    ['first sample index', { firstIndex: -1 }],
    ['samples', { firstIndex: 2 ** 32 - 1, count: 2 }],
    ['samples', { count: -1 }],
    ['draw', { draw: 2 ** 32 }],
  ])('%s out of range: %o', (what, change) => {
    expect(() => fill(change)).toThrow(expect.objectContaining({ name: 'UserError' }));
    expect(() => fill(change)).toThrow(what);
  });
});

/**
 * Statistics of 2^18 numbers with a fixed seed. Bounds are five standard errors for moments, and for the
 * Kolmogorov-Smirnov distance 1.95 / sqrt(n), which a true sample passes with probability 0.999.
 */
describe('distribution', () => {
  const n = 2 ** 18;
  const mean = (values: Float32Array, power: number) =>
    values.reduce((sum, x) => sum + x ** power, 0) / values.length;

  test('normal', () => {
    const values = fill({ count: n / 8, shape: [8] });
    // Moments 0, 1, 0, 3 with variances 1, 2, 15, 96.
    for (const [power, moment, variance] of [
      [1, 0, 1],
      [2, 1, 2],
      [3, 0, 15],
      [4, 3, 96],
    ] as const) {
      expect(Math.abs(mean(values, power) - moment)).toBeLessThan(5 * Math.sqrt(variance / n));
    }
    expect(kolmogorovDistance(values, (x) => 0.5 + 0.5 * erf(x / Math.SQRT2))).toBeLessThan(
      1.95 / Math.sqrt(n),
    );
  });

  test('uniform', () => {
    const values = fill({ distribution: 'uniform', count: n / 8, shape: [8] });
    expect(values.every((x) => x >= 0 && x < 1)).toBe(true);
    for (const power of [1, 2, 3]) {
      const variance = 1 / (2 * power + 1) - 1 / (power + 1) ** 2;
      expect(Math.abs(mean(values, power) - 1 / (power + 1))).toBeLessThan(5 * Math.sqrt(variance / n));
    }
    expect(kolmogorovDistance(values, (x) => x)).toBeLessThan(1.95 / Math.sqrt(n));
  });

  test('neighbours, samples, draws, streams and seeds are uncorrelated', () => {
    const values = fill({ count: n / 8, shape: [8] });
    const correlation = (other: Float32Array) =>
      values.reduce((sum, x, i) => sum + x * (other[i] ?? 0), 0) / n;
    const shifted = (by: number) => Float32Array.from(values, (_, i) => values[(i + by) % n]!);
    const others = {
      nextElement: shifted(1),
      pairOfBoxMuller: shifted(2),
      nextSample: shifted(8),
      nextDraw: fill({ count: n / 8, shape: [8], draw: 1 }),
      stream: fill({ count: n / 8, shape: [8], stream: 'sample/y' }),
      nextSeed: fill({ count: n / 8, shape: [8], seed: 43 }),
    };
    // The product of two independent standard normals has variance 1.
    for (const other of Object.values(others))
      expect(Math.abs(correlation(other))).toBeLessThan(5 / Math.sqrt(n));
  });
});
