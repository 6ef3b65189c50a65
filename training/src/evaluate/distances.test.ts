import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CompiledFunctions } from './compiled-functions.ts';
import { memorisation } from './memorisation.ts';
import { mmd } from './mmd.ts';
import { nearest } from './nearest.ts';
import { precisionRecall } from './precision-recall.ts';
import { distance, type Rows, stack } from './rows.ts';
import { normalRows, rowsFrom } from './test-support.ts';

let compiled: CompiledFunctions;
beforeAll(async () => {
  compiled = await CompiledFunctions.open('cpu');
});
afterAll(() => compiled.release());

describe('nearest', () => {
  test('finds what a plain search finds, over several blocks', async () => {
    const [queries, references] = [normalRows(620, 3, { stream: 'q' }), normalRows(5300, 3, { stream: 'r' })];
    const { indices, distances } = await nearest(compiled, queries, references, 2);
    for (let i = 0; i < queries.count; i += 97) {
      const all = Array.from({ length: references.count }, (_, j) => ({
        j,
        d: distance(queries, i, references, j),
      }));
      all.sort((a, b) => a.d - b.d);
      expect([indices[2 * i], indices[2 * i + 1]]).toEqual([all[0]!.j, all[1]!.j]);
      expect(distances[2 * i + 1]).toBe(all[1]!.d);
    }
  });

  test('leaves out what is excluded, and gives copies distance 0', async () => {
    const rows = normalRows(60, 40, { stream: 'self', shift: 100 });
    expect(Math.max(...(await nearest(compiled, rows, rows, 1)).distances)).toBe(0);
    const others = await nearest(compiled, rows, rows, 1, { exclude: (i) => i });
    expect(Array.from(others.indices).some((index, i) => index === i)).toBe(false);
    await expect(nearest(compiled, rows, rowsFrom([new Array<number>(40).fill(0)]), 2)).rejects.toThrow(
      '2 references',
    );
  });
});

/** Gretton et al. 2012, eq. 3, term by term in double precision. */
function naiveMmd(x: Rows, y: Rows, sigma: number): number {
  const kernel = (a: Rows, i: number, b: Rows, j: number) =>
    Math.exp(-(distance(a, i, b, j) ** 2) / (2 * sigma * sigma));
  const n = x.count;
  let [within, across] = [0, 0];
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      if (i !== j) within += kernel(x, i, x, j) + kernel(y, i, y, j);
      across += kernel(x, i, y, j);
    }
  }
  return within / (n * (n - 1)) - (2 * across) / (n * n);
}

describe('mmd', () => {
  test('is the sum over pairs, over several blocks', async () => {
    const [x, y] = [normalRows(310, 4, { stream: 'x' }), normalRows(310, 4, { stream: 'y', shift: 0.3 })];
    const { squared, bandwidth, pValue } = await mmd(compiled, x, y, { seed: 1, permutations: 100 });
    // Float32 sums of 620 kernel values of at most 1: relative errors of 1e-6 of a mean kernel value of about 0.6.
    expect(squared).toBeCloseTo(naiveMmd(x, y, bandwidth), 6);
    expect(pValue).toBe(1 / 101);
  });

  test('takes the median distance as bandwidth: about sqrt(2 d) for d standard normal values', async () => {
    const { bandwidth } = await mmd(
      compiled,
      normalRows(400, 50, { stream: 'a' }),
      normalRows(400, 50, { stream: 'b' }),
      {
        seed: 1,
        permutations: 10,
      },
    );
    expect(bandwidth).toBeGreaterThan(9.5);
    expect(bandwidth).toBeLessThan(10.3);
  });

  test('p-values of equal laws are spread evenly, so that one in ten is below 0.1', async () => {
    const below = [];
    for (let k = 0; k < 40; k++) {
      const sides = ['x', 'y'].map((side) => normalRows(60, 2, { stream: `null ${side} ${k}` }));
      const { pValue } = await mmd(compiled, sides[0]!, sides[1]!, { seed: k, permutations: 99 });
      if (pValue <= 0.1) below.push(pValue);
    }
    // Binomial(40, 0.1): 12 or more has probability 6e-4.
    expect(below.length).toBeLessThan(12);
    expect(below.length).toBeGreaterThan(0);
  });
});

describe('precisionRecall', () => {
  test('counts what lies in the balls of the k-th neighbours', async () => {
    // Radii (k = 1) of the real points: 1, 1, 1, 8. The samples 2.5 and 2.6 lie in balls, 30 does not.
    const real = rowsFrom([[0], [1], [2], [10]]);
    // Radii of the samples: 0.1, 0.1, 27.4. The last ball holds 10 only, the others nothing.
    const samples = rowsFrom([[2.5], [2.6], [30]]);
    expect(await precisionRecall(compiled, real, samples, 1)).toEqual({ precision: 2 / 3, recall: 1 / 4 });
  });

  test('a set against itself has both 1, and far sets both 0', async () => {
    const rows = normalRows(200, 3, { stream: 'set' });
    expect(await precisionRecall(compiled, rows, rows)).toEqual({ precision: 1, recall: 1 });
    const far = normalRows(200, 3, { stream: 'far', shift: 50 });
    expect(await precisionRecall(compiled, rows, far)).toEqual({ precision: 0, recall: 0 });
  });

  test('samples of one of two clusters keep their precision and lose half of the recall', async () => {
    const clusters = stack(
      normalRows(300, 2, { stream: 'one' }),
      normalRows(300, 2, { stream: 'two', shift: 40 }),
    );
    const { precision, recall } = await precisionRecall(
      compiled,
      clusters,
      normalRows(600, 2, { stream: 'half' }),
    );
    expect(precision).toBeGreaterThan(0.9);
    expect(recall).toBeGreaterThan(0.45);
    expect(recall).toBeLessThan(0.501);
  });
});

describe('memorisation', () => {
  const train = normalRows(1500, 6, { stream: 'train' });
  const heldOut = normalRows(500, 6, { stream: 'held out' });

  test('fresh draws are no copies; their nearest is held out as often as there are held-out examples', async () => {
    const found = await memorisation(compiled, normalRows(800, 6, { stream: 'fresh' }), train, heldOut, {
      seed: 1,
    });
    expect(found.expectedShare).toBe(0.25);
    // Standard deviation of the share: about sqrt(0.25 * 0.75 / 800) = 0.015, somewhat more as neighbours are shared.
    expect(Math.abs(found.heldOutShare - 0.25)).toBeLessThan(0.06);
    expect(found.pValue).toBeGreaterThan(0.01);
    expect(found.ratio).toBeGreaterThan(0.95);
    expect(found.ratio).toBeLessThan(1.05);
    expect(found.exact).toBe(0);
  });

  test('blurred samples, near to everything, are no copies', async () => {
    const blurred = normalRows(800, 6, { stream: 'blurred', scale: 0.1 });
    expect((await memorisation(compiled, blurred, train, heldOut, { seed: 1 })).pValue).toBeGreaterThan(0.01);
  });

  test('copies with a little noise are found, and their share estimated', async () => {
    const fresh = normalRows(600, 6, { stream: 'half fresh' });
    const noise = normalRows(400, 6, { stream: 'noise', scale: 0.01 });
    const copied = { ...noise, values: noise.values.map((value, i) => value + train.values[i]!) };
    const found = await memorisation(compiled, stack(copied, fresh), train, heldOut, { seed: 1 });
    expect(found.pValue).toBeLessThan(0.002);
    expect(found.copied).toBeGreaterThan(0.3);
    expect(found.copied).toBeLessThan(0.5);
    const exact = await memorisation(
      compiled,
      stack({ ...noise, values: train.values.slice(0, 2400) }, fresh),
      train,
      heldOut,
      { seed: 1 },
    );
    expect(exact.exact).toBe(0.4);
  });

  test('copies of held-out examples are none of the training set', async () => {
    const found = await memorisation(compiled, heldOut, train, heldOut, { seed: 1 });
    expect(found).toMatchObject({ heldOutShare: 1, copied: 0, pValue: 1 });
  });
});
