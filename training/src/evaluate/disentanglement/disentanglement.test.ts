import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostTensor } from '@generatrix/runtime/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { partOf } from '../../data/dataset.ts';
import { digits8 } from '../../data/glyphs.ts';
import type { Dataset } from '../../data/index.ts';
import { isSkipped, type Outcome, type Skipped } from '../diagnostic.ts';
import { diagnosticsNamed, evaluate } from '../evaluate.ts';
import type { SampleSource } from '../sample-source.ts';
import { datasetSource, normalRows } from '../test-support.ts';
import { factorScores } from './factor-scores.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-disentanglement-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const count = 20_000;
const normal = (stream: string) => Float64Array.from(normalRows(count, 1, { stream }).values);
const [first, second] = [normal('first'), normal('second')];
const quantities = [
  { name: 'first', values: first },
  { name: 'second', values: second },
];
const rows = (...columns: ArrayLike<number>[]) => ({
  count,
  width: columns.length,
  values: Float32Array.from({ length: count * columns.length }, (_, i) => {
    const [row, column] = [Math.floor(i / columns.length), i % columns.length];
    return columns[column]![row]!;
  }),
});

describe('factorScores', () => {
  test('are 1 where each factor stands in a dimension of its own, whatever the scale', () => {
    const own = factorScores(
      rows(
        second.map((v) => 3 - 5 * v),
        first,
      ),
      quantities,
    );
    expect(own.map(({ dimension }) => dimension)).toEqual([1, 0]);
    for (const { informationGap, predictionGap, told } of own) {
      expect(told).toBeGreaterThan(0.99);
      // 19 x 19 cells of chance in 20,000 examples: 19^2 / (2 x 20,000) = 0.009 nats of about 2.3.
      expect(informationGap).toBeGreaterThan(0.98);
      expect(predictionGap).toBeGreaterThan(0.999);
    }
  });

  test('are 0 where two dimensions tell a factor alike, and where none does', () => {
    const twice = factorScores(rows(first, first), quantities);
    expect(twice[0]!.told).toBeGreaterThan(0.99);
    for (const { informationGap, predictionGap } of twice) {
      expect(informationGap).toBeCloseTo(0, 6);
      expect(predictionGap).toBeCloseTo(0, 6);
    }
    expect(twice[1]!.told).toBeLessThan(0.01);
  });

  test('a dimension that mixes two factors tells half of the variance of each', () => {
    const mixed = factorScores(
      rows(
        first.map((v, i) => v + second[i]!),
        normal('other'),
      ),
      quantities,
    );
    for (const { predictionGap, informationGap } of mixed) {
      expect(predictionGap).toBeCloseTo(0.5, 1);
      // log(1 / sqrt(1 - 1/2)) = 0.347 nats between jointly normal variables of that correlation, of about 2.3.
      expect(informationGap).toBeGreaterThan(0.1);
      expect(informationGap).toBeLessThan(0.2);
    }
  });

  test('of a class: by the histogram, by hand', () => {
    // Eight examples, two classes. Dimension 1 has both classes in its lower bin: 3 of 4 of the first, 1 of 4 of the other.
    const labels = Float64Array.from([0, 0, 0, 0, 1, 1, 1, 1]);
    const code = [0, 0, 0, 1, 0, 1, 1, 1];
    const values = Float32Array.from(code.flatMap((value) => [value, 0.5]));
    const [score] = factorScores({ count: 8, width: 2, values }, [
      { name: 'class', classes: 2, values: labels },
    ]);
    // I = log 2 - H(1/4) = 0.6931 - 0.5623; over H = log 2. Balanced accuracy 3/4, over chance 1/2.
    expect(score!.informationGap).toBeCloseTo((Math.LN2 - 0.562335) / Math.LN2, 5);
    expect(score!.predictionGap).toBeCloseTo(0.5, 10);
  });
});

async function outcomeOf(source: SampleSource, data: Dataset): Promise<Outcome | Skipped> {
  const request = {
    ...{ source, train: data, setApart: data, test: data, count: 20, seed: 5, againstTrain: false },
    ...{ cacheFolder: join(folder, 'cache'), effort: 'quick' as const, runFolder: null },
  };
  const { reported } = await evaluate(request, diagnosticsNamed(['disentanglement']));
  return reported[0]!.outcome;
}

const digits = digits8({ split: 'train', size: 400 });

/** Codes of drawn digits: two of the factors that they were drawn from. The pixels find the example again. */
function encodedBy(labelled: boolean): SampleSource {
  return {
    ...datasetSource('codes', digits, (i) => i % digits.size),
    posterior: {
      labelled,
      of: async ({ data }) => {
        const all = await digits.gather(Int32Array.from({ length: digits.size }, (_, i) => i));
        const places = new Map<string, number>();
        for (let i = 0; i < digits.size; i++) places.set(all.data.slice(64 * i, 64 * (i + 1)).join(), i);
        const n = data.shape[0]!;
        const codes = Float32Array.from({ length: 2 * n }, (_, i) => {
          const from = 64 * Math.floor(i / 2);
          const { slant, digit } = digits.factors(places.get(data.data.slice(from, from + 64).join())!);
          return i % 2 === 0 ? slant : digit;
        });
        return {
          means: hostTensor('float32', [n, 2], codes),
          divergences: hostTensor('float32', [n, 2], new Float32Array(2 * n)),
        };
      },
    },
  };
}

test('finds in which dimension of the code a factor of drawn digits stands', async () => {
  const outcome = await outcomeOf(encodedBy(false), digits);
  if (isSkipped(outcome)) throw new Error(outcome.skipped);
  const { factors } = outcome.figures as { factors: Record<string, { dimension: number; told: number }> };
  expect(Object.keys(factors)).toEqual(['digit', 'slant', 'thickness', 'scale', 'aspect', 'rotation']);
  expect(factors.slant).toMatchObject({ dimension: 1, told: expect.closeTo(1, 5) });
  expect(factors.digit).toMatchObject({ dimension: 2, told: expect.closeTo(1, 5) });
  expect(outcome.finding.text).toMatch(
    /^Mutual information gap 0\.\d+, separated attribute predictability 0\.\d+; dim/,
  );
});

test('does not ask a model that is told the class for the class', async () => {
  const outcome = await outcomeOf(encodedBy(true), digits);
  if (isSkipped(outcome)) throw new Error(outcome.skipped);
  expect(Object.keys(outcome.figures.factors as object)).not.toContain('digit');
});

test('is left out where factors are not known, or there is no code', async () => {
  const { drawnFrom, ...unknown } = digits;
  expect(drawnFrom!.map(({ name }) => name)).toContain('thickness');
  expect(await outcomeOf(encodedBy(false), unknown)).toEqual({
    skipped: 'it needs data whose factors are known, such as glyphs and digits8',
  });
  const { posterior: _, ...bare } = encodedBy(false);
  expect(await outcomeOf(bare, digits)).toMatchObject({ skipped: expect.stringContaining('`divergence`') });
});

test('a part of the data keeps the factors of its examples', () => {
  const part = partOf(digits, Int32Array.from([7, 3]));
  const slant = part.drawnFrom!.find(({ name }) => name === 'slant')!;
  expect([slant.of(0), slant.of(1)]).toEqual([digits.factors(7).slant, digits.factors(3).slant]);
  expect(() => slant.of(2)).toThrow('outside its 2 examples');
});
