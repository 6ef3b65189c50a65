import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CompiledFunctions } from './compiled-functions.ts';
import { classifierScore, scoreOfSubset } from './frechet/classifier-score.ts';
import { frechetDistance, momentsOf } from './frechet/frechet.ts';
import { precisionRecall } from './frechet/precision-recall.ts';
import { realFrechetDistances } from './frechet/real-frechet.ts';
import { realManifolds } from './frechet/real-manifolds.ts';
import { memorisation } from './memorisation/memorisation.ts';
import { nearest } from './nearest.ts';
import { RealRange, realSplits } from './real-splits.ts';
import { distance, head, pick, type Rows, stack } from './rows.ts';
import { normalRows, rowsFrom } from './test-support.ts';
import { mmd } from './two-sample/mmd.ts';

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

  test('p-values of equal distributions are spread evenly, so that one in ten is below 0.1', async () => {
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
  const apart = normalRows(500, 6, { stream: 'apart' });
  const real = normalRows(800, 6, { stream: 'real' });
  const found = (samples: Rows, changes: { train?: Rows; apart?: Rows; real?: Rows } = {}) =>
    memorisation(compiled, { samples, real, train, apart, ...changes }, { seed: 1 });
  /** These rows with values of their own noise added. */
  const disturbed = (rows: Rows, scale: number) => {
    const noise = normalRows(rows.count, rows.width, { stream: 'noise', scale });
    return { ...noise, values: noise.values.map((value, i) => value + rows.values[i]!) };
  };

  test('fresh draws are no copies; their nearest is set apart as often as there are such examples', async () => {
    const { exact, near, lean, equal } = await found(normalRows(800, 6, { stream: 'fresh' }));
    expect(lean.expectedShare).toBe(0.25);
    // Standard deviation of the share: about sqrt(0.25 * 0.75 / 800) = 0.015, somewhat more as neighbours are shared.
    expect(Math.abs(lean.apartShare - 0.25)).toBeLessThan(0.06);
    expect(lean.pValue).toBeGreaterThan(0.01);
    expect(exact).toEqual({ share: 0, ofReal: 0, pValue: 1 });
    expect(near.pValue).toBeGreaterThan(0.01);
    expect(equal).toBe(0);
  });

  test('blurred samples, near to everything, are no copies', async () => {
    const { near, lean } = await found(normalRows(800, 6, { stream: 'blurred', scale: 0.1 }));
    expect(lean.pValue).toBeGreaterThan(0.01);
    expect(near.pValue).toBeGreaterThan(0.01);
  });

  test.each([0.02, 0.05])(
    'a share of %s of copies is found, exact or with a little noise',
    async (copied) => {
      const count = Math.round(800 * copied);
      const fresh = normalRows(800 - count, 6, { stream: 'fresh' });
      const copies = head(train, count);
      const { exact } = await found(stack(copies, fresh));
      expect(exact.share).toBe(copied);
      expect(exact.pValue).toBeLessThan(1e-4);
      const nearly = await found(stack(disturbed(copies, 0.01), fresh));
      expect(nearly.exact.share).toBe(0);
      expect(nearly.near.share).toBeGreaterThanOrEqual(copied);
      expect(nearly.near.pValue).toBeLessThan(1e-4);
    },
  );

  test('samples that lean towards training examples without equalling them are found, and their share estimated', async () => {
    const fresh = normalRows(400, 6, { stream: 'half fresh' });
    const { exact, lean } = await found(stack(disturbed(head(train, 400), 0.3), fresh));
    expect(exact.share).toBe(0);
    expect(lean.pValue).toBeLessThan(0.002);
    expect(lean.copied).toBeGreaterThan(0.25);
    expect(lean.copied).toBeLessThan(0.6);
  });

  test('copies of examples that were set apart are none of the training set', async () => {
    const { exact, near, lean } = await found(apart);
    expect(lean).toMatchObject({ apartShare: 1, copied: 0, pValue: 1 });
    expect([exact.pValue, near.pValue]).toEqual([1, 1]);
  });

  test('what coincides by nature is no copy: images of few levels, and blank ones', async () => {
    // Of 16 patterns each occurs in every part; then patterns of which many occur once only.
    const coarse = (count: number, width: number, stream: string) => {
      const rows = normalRows(count, width, { stream });
      return { ...rows, values: rows.values.map((value) => (value > 0 ? 1 : 0)) };
    };
    for (const width of [4, 11]) {
      const parts = {
        train: coarse(1500, width, 'train'),
        apart: coarse(500, width, 'apart'),
        real: coarse(800, width, 'real'),
      };
      const { exact, near, lean, equal } = await found(coarse(800, width, 'fresh'), parts);
      expect(equal).toBeGreaterThan(0.4);
      expect(Math.min(exact.pValue, near.pValue, lean.pValue)).toBeGreaterThan(0.01);
    }
  });

  test('training data of other origin than the examples set apart do not make real examples copies', async () => {
    // Writers: each has a centre of its own, and the examples set apart are by other writers than the training ones.
    const written = (count: number, writers: readonly number[], stream: string) => {
      const rows = normalRows(count, 6, { stream, scale: 0.5 });
      const centres = normalRows(40, 6, { stream: 'writers' });
      const values = rows.values.map((value, at) => {
        const writer = writers[Math.floor(at / 6) % writers.length]!;
        return value + centres.values[writer * 6 + (at % 6)]!;
      });
      return { ...rows, values };
    };
    const [ours, theirs] = [
      Array.from({ length: 30 }, (_, i) => i),
      Array.from({ length: 10 }, (_, i) => 30 + i),
    ];
    const parts = {
      train: written(1500, ours, 'train'),
      apart: written(500, theirs, 'apart'),
      real: written(800, theirs, 'real'),
    };
    const { lean } = await found(written(800, theirs, 'fresh'), parts);
    expect(lean.apartShare).toBeGreaterThan(2 * lean.expectedShare);
    expect(lean.pValue).toBeGreaterThan(0.01);
  });
});

describe('what real examples give', () => {
  const [pool, other] = [
    normalRows(260, 3, { stream: 'pool' }),
    normalRows(170, 3, { stream: 'other', shift: 0.2 }),
  ];
  const all = stack(pool, other);

  test('splits are disjoint, of one size, and take the second side from either pool in turn', () => {
    const splits = [...realSplits({ pool: 260, other: 170, size: 100, splits: 4 })];
    expect(splits).toHaveLength(4);
    for (const [i, { first, second }] of splits.entries()) {
      expect(new Set([...first, ...second]).size).toBe(200);
      expect(Math.max(...first)).toBeLessThan(260);
      expect(
        Array.from(second).every((index) => (i % 2 === 0 ? index < 260 : index >= 260 && index < 430)),
      ).toBe(true);
    }
    expect(() => [...realSplits({ pool: 199, other: 170, size: 100 })]).toThrow('sides of 100');
  });

  test('manifolds from one search are those of each split by itself', async () => {
    const found = await realManifolds(compiled, pool, other, { side: 100, splits: 4 });
    let split = 0;
    for (const { first, second } of realSplits({ pool: 260, other: 170, size: 100, splits: 4 })) {
      // The first side holds the real examples of the definition, the second stands for samples.
      const expected = await precisionRecall(compiled, pick(all, first), pick(all, second));
      expect(found[split++]).toEqual({
        precision: expect.closeTo(expected.precision, 2) as number,
        recall: expect.closeTo(expected.recall, 2) as number,
      });
    }
  });

  test('Fréchet distances from sums of blocks are those of the rows', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'generatrix-splits-'));
    const distances = await realFrechetDistances(pool, other, 120, folder);
    expect(distances).toHaveLength(200);
    // Blocks of 6 rows: 20 of the first pool's 43 and 20 of the rest, or of the other pool's 28.
    const blocks = { pool: 43, other: 28, size: 20, splits: 2 };
    for (const [i, { first, second }] of [...realSplits(blocks)].entries()) {
      const rowsOfBlocks = (chosen: Int32Array) =>
        Array.from(chosen).flatMap((block) =>
          Array.from({ length: 6 }, (_, row) =>
            block < 43 ? 6 * block + row : 260 + 6 * (block - 43) + row,
          ),
        );
      const [a, b] = [first, second].map((side) => momentsOf(pick(all, rowsOfBlocks(side))));
      expect(distances[i]).toBeCloseTo(frechetDistance(a!, b!), 9);
    }
    // Kept, and read again.
    expect(await readdir(folder)).toHaveLength(1);
    expect(await realFrechetDistances(pool, other, 120, folder)).toEqual(distances);
    await rm(folder, { recursive: true });
  });

  test('a range knows what lies beyond it', () => {
    const range = new RealRange([3, 1, 2]);
    expect([range.isAbove(3), range.isAbove(3.1), range.isBelow(1), range.isBelow(0.9)]).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect(range.figures).toEqual({ median: 2, low: 1, high: 3, splits: 3 });
  });

  test('the score of a subset is that of its rows', () => {
    const values = Float32Array.from({ length: 90 }, (_, i) => ((i * 7) % 10) + 1);
    for (let row = 0; row < 30; row++) {
      const sum = values[3 * row]! + values[3 * row + 1]! + values[3 * row + 2]!;
      for (let k = 0; k < 3; k++) values[3 * row + k]! /= sum;
    }
    const rows = { count: 30, width: 3, values };
    const some = Int32Array.of(3, 1, 4, 15, 9, 2, 6);
    expect(scoreOfSubset(rows, some)).toBeCloseTo(classifierScore(pick(rows, some)).score, 6);
  });
});
