import fc from 'fast-check';
import { expect, test } from 'vitest';
import { drawMasks, groupUnits } from './made-masks.ts';

const options = fc.record({
  dimensions: fc.integer({ min: 2, max: 12 }),
  hidden: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 3 }),
  masks: fc.integer({ min: 1, max: 3 }),
  order: fc.constantFrom('natural', 'random'),
  maskSeed: fc.nat(1e6),
});
const runs = { seed: 1, numRuns: 200 };

test('whatever the sizes, no path of a mask leads from a dimension to itself or an earlier one', () => {
  fc.assert(
    fc.property(options, (given) => {
      for (const { order, position, degrees } of drawMasks(given)) {
        expect([...order].toSorted((a, b) => a - b)).toEqual([...Array(given.dimensions).keys()]);
        expect([...order].map((dimension) => position[dimension])).toEqual(
          [...Array(given.dimensions).keys()].map((place) => place + 1),
        );
        // Germain et al. 2015, eq. 9 and 10: a unit sees what is of no higher degree, an output what is of a lower one.
        let sees: Set<number>[] = [...position].map((_, dimension) => new Set([dimension]));
        let before = position;
        for (const layer of degrees) {
          const seen = sees;
          const below = before;
          sees = [...layer].map(
            (degree) => new Set(seen.flatMap((set, unit) => (below[unit]! <= degree ? [...set] : []))),
          );
          expect(sees.every((set) => set.size > 0)).toBe(true);
          expect(layer.every((degree) => degree >= 1 && degree < given.dimensions)).toBe(true);
          before = layer;
        }
        const last = before;
        for (const [output, place] of position.entries()) {
          const inputs = new Set(sees.flatMap((set, unit) => (last[unit]! < place ? [...set] : [])));
          expect(
            [...inputs].every((input) => position[input]! < place),
            `output ${output}`,
          ).toBe(true);
        }
      }
    }),
    runs,
  );
});

test('sampling visits each hidden unit once, in the group of its degree', () => {
  fc.assert(
    fc.property(options, (given) => {
      const masks = drawMasks(given);
      for (const [layer, width] of given.hidden.entries()) {
        const { size, units } = groupUnits(masks, layer, given.dimensions);
        for (const [mask, { degrees }] of masks.entries()) {
          const start = mask * given.dimensions * size;
          const own = [...units.subarray(start, start + given.dimensions * size)];
          const visited = own.flatMap((unit, at) =>
            unit === width ? [] : [[unit, Math.floor(at / size) + 1]],
          );
          expect(visited.toSorted((a, b) => a[0]! - b[0]!)).toEqual(
            [...degrees[layer]!].map((degree, unit) => [unit, degree]),
          );
        }
      }
    }),
    runs,
  );
});
