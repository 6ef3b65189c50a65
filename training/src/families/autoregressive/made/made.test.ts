import { type NamedTensors, tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCompiled } from '../../../testing/run-compiled.ts';
import { describeData, tinyImages, tinyPoints } from '../../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../../registry.ts';
import { bernoulliEmission, mixtureEmission } from '../emission.ts';
import { drawMasks, groupUnits } from './made-masks.ts';
import { chosenMask, madeForward, madeNetwork, madeSpecs, maskedKernels } from './made-network.ts';

const dimensions = 9;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function weights(shapes: Record<string, { shape: readonly number[] }>, scale = 1): NamedTensors {
  const entries = Object.entries(shapes).map(([name, { shape }]) => {
    const values = fillNoise({
      distribution: 'normal',
      seed: 2,
      stream: name,
      firstIndex: 0,
      count: 1,
      shape,
    });
    return [name, tf.mul(tf.tensor(values, [...shape]), scale)];
  });
  return Object.fromEntries(entries) as NamedTensors;
}

describe.each([
  ['natural', [7], false],
  ['random', [12, 9], true],
  ['random', [8, 8, 8], false],
] as const)('MADE masks, order %s, hidden %j, direct %s', (order, hidden, direct) => {
  const options = { dimensions, hidden, masks: 4, order, maskSeed: 5 };
  const network = madeNetwork({ ...options, direct, emission: bernoulliEmission });
  const sets = drawMasks(options);

  it('orders are permutations, degrees leave room below, and both come from the seed alone', () => {
    for (const { order: places, position, degrees } of sets) {
      expect([...places].toSorted((a, b) => a - b)).toEqual([...Array(dimensions).keys()]);
      expect([...places].map((dimension) => position[dimension])).toEqual(
        [...Array(dimensions).keys()].map((i) => i + 1),
      );
      let least = 1;
      for (const layer of degrees) {
        expect(Math.min(...layer)).toBeGreaterThanOrEqual(least);
        expect(Math.max(...layer)).toBeLessThan(dimensions);
        least = Math.min(...layer);
      }
    }
    expect(drawMasks(options)).toEqual(sets);
    expect(drawMasks({ ...options, maskSeed: 6 })).not.toEqual(sets);
    const orders = new Set(sets.map((set) => String(set.order)));
    if (order === 'random') expect(orders.size).toBe(4);
    else expect([...orders]).toEqual([String([...Array(dimensions).keys()])]);
  });

  it('paths through the masks lead from a dimension to those after it in the order, and no others', () => {
    const ones = Object.fromEntries(
      Object.entries(madeSpecs(network)).map(([name, { shape }]) => [name, tf.ones([...shape])]),
    );
    for (const [k, { position }] of sets.entries()) {
      const mask = chosenMask(network, tf.tensor1d([(k + 0.5) / sets.length]));
      const kernels = maskedKernels(network, ones, mask);
      let paths = [...kernels.layers, kernels.output].reduce((a, b) => tf.matMul(a, b));
      if (kernels.direct !== null) paths = tf.add(paths, kernels.direct);
      const counts = paths.arraySync();
      for (let from = 0; from < dimensions; from++) {
        for (let to = 0; to < dimensions; to++) {
          if (position[from]! >= position[to]!) expect(counts[from]![to]).toBe(0);
          else if (direct) expect(counts[from]![to]).toBeGreaterThan(0);
        }
      }
    }
  });

  it('outputs do not depend on later inputs: perturbing one leaves every earlier conditional as it was', () => {
    const state = weights(madeSpecs(network));
    const noise = fillNoise({
      distribution: 'uniform',
      seed: 1,
      stream: 'x',
      firstIndex: 0,
      count: 1,
      shape: [dimensions],
    });
    const base = [...noise].map((u) => (u < 0.5 ? 0 : 1));
    for (const [k, { position }] of sets.entries()) {
      const mask = chosenMask(network, tf.tensor1d([(k + 0.5) / sets.length]));
      const logits = (x: number[]) => madeForward(network, state, mask, tf.tensor2d([x])).dataSync();
      const before = logits(base);
      let changed = 0;
      for (let i = 0; i < dimensions; i++) {
        const after = logits(base.map((value, j) => (j === i ? 1 - value : value)));
        for (let d = 0; d < dimensions; d++) {
          if (position[d]! <= position[i]!) expect(after[d]).toBe(before[d]);
          else if (after[d] !== before[d]) changed++;
        }
      }
      expect(changed).toBeGreaterThan(0);
    }
  });

  it('groups hold every unit of a layer once, under its degree', () => {
    for (const [layer, width] of hidden.entries()) {
      const { size, units } = groupUnits(sets, layer, dimensions);
      for (const [k, { degrees }] of sets.entries()) {
        const rows = [...Array(dimensions).keys()].map((d) => {
          const from = (k * dimensions + d) * size;
          return [...units.subarray(from, from + size)].filter((unit) => unit < width);
        });
        expect(rows.flat().toSorted((a, b) => a - b)).toEqual([...Array(width).keys()]);
        for (const [d, row] of rows.entries())
          for (const unit of row) expect(degrees[layer]![unit]).toBe(d + 1);
      }
    }
  });
});

describe('mixture outputs', () => {
  it.each(['natural', 'random'] as const)(
    'the density of the plane integrates to 1, order %s',
    async (order) => {
      const options = { hidden: [10, 8], components: 3, order, masks: 2, averaging: 0 };
      const { model } = buildModel(familyNamed('made'), options, describeData(tinyPoints(4)));
      const shapes = Object.fromEntries(
        Object.entries(model.state).filter(([name]) => !name.startsWith('adam')),
      );
      const state = weights(shapes, 0.4);
      const [cells, width] = [200, 20];
      const ticks = Array.from({ length: cells }, (_, i) => ((i + 0.5) / cells - 0.5) * width);
      const grid = tf.tensor2d(
        ticks.flatMap((a) => ticks.flatMap((b) => [a, b])),
        [cells ** 2, 2],
      );
      const { logProb } = await runCompiled((data) => model.programs.logProb!.run(state, data), {
        data: grid,
      });
      const total = Array.from(logProb!.data, Math.exp).reduce((a, b) => a + b, 0);
      // A grid of cells 0.1 wide: the midpoint rule is exact to far less while deviations are larger than a cell.
      expect(total * (width / cells) ** 2).toBeCloseTo(1, 2);
    },
  );

  it('draws have the mean and variance of the mixture', () => {
    const emission = mixtureEmission(3);
    const row = [0.5, -0.3, 0.1, -2, 0, 3, -0.5, 0.2, -1];
    const count = 100_000;
    const noise = (distribution: 'uniform' | 'normal') =>
      tf.tensor1d(
        fillNoise({ distribution, seed: 3, stream: distribution, firstIndex: 0, count, shape: [1] }),
      );
    const own = { uniform: noise('uniform'), normal: noise('normal') };
    const parameters = tf.tile(tf.tensor2d([row]), [count, 1]);
    const draws = emission.draw(parameters, own, tf.scalar(1)).dataSync() as Float32Array;
    const weight = row.slice(0, 3).map(Math.exp);
    const sum = weight.reduce((a, b) => a + b, 0);
    const moment = (fn: (mean: number, variance: number) => number) =>
      weight.reduce((total, w, k) => total + (w / sum) * fn(row[3 + k]!, Math.exp(2 * row[6 + k]!)), 0);
    const mean = moment((m) => m);
    const variance = moment((m, v) => v + (m - mean) ** 2);
    const sampleMean = draws.reduce((a, b) => a + b, 0) / count;
    const sampleVariance = draws.reduce((a, b) => a + (b - sampleMean) ** 2, 0) / count;
    expect(Math.abs(sampleMean - mean)).toBeLessThan(4 * Math.sqrt(variance / count));
    // The variance of squares is at most about 3 variance^2 here.
    expect(Math.abs(sampleVariance - variance)).toBeLessThan(4 * Math.sqrt(3 / count) * variance);
  });
});

describe('made refuses', () => {
  const build = (options: Record<string, unknown>, data = tinyPoints(4)) =>
    buildModel(familyNamed('made'), options, describeData(data));
  it.each<[Record<string, unknown>, RegExp]>([
    [
      { likelihood: 'bernoulli' },
      /likelihood bernoulli needs images with values in \[0, 1\]; use likelihood/,
    ],
    [{ hidden: [] }, /made: --hidden: expected/],
    [{ masks: 0 }, /made: --masks: expected .*, got 0/],
  ])('%j in one line', (options, message) => {
    expect(() => build(options)).toThrow(message);
  });

  it('data of one dimension', () => {
    expect(() => build({}, tinyImages(2, [1, 1, 1]))).toThrow('made: needs data of at least two dimensions');
  });
});
