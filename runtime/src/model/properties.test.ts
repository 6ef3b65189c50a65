import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseManifest } from '../bundle/manifest.ts';
import { decodeSafetensors, encodeSafetensors } from '../bundle/safetensors.ts';
import { UserError } from '../errors.ts';
import { permutation } from '../noise/random-stream.ts';
import { type HostTensor, hostTensor } from '../program/tensor.ts';
import { testBundle } from '../testing/bundle.ts';
import { batchPlan } from '../train/batches.ts';

const runs = { seed: 1, numRuns: 200 };

const tensor: fc.Arbitrary<HostTensor> = fc
  .tuple(fc.constantFrom('float32', 'int32', 'bool'), fc.array(fc.nat(3), { maxLength: 3 }))
  .chain(([dtype, shape]) => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const value = { float32: fc.float(), int32: fc.integer(), bool: fc.nat(1) }[dtype];
    return fc
      .array(value, { minLength: size, maxLength: size })
      .map((values) => hostTensor(dtype, shape, values));
  });
const tensors = fc.dictionary(
  fc.string({ minLength: 1 }).filter((name) => name !== '__metadata__' && name !== '__proto__'),
  tensor,
  { maxKeys: 4, noNullPrototype: true },
);

test('tensors of any names, types and shapes come back from safetensors, whatever order they were in', () => {
  fc.assert(
    fc.property(tensors, (given) => {
      const bytes = encodeSafetensors(given);
      expect(decodeSafetensors(bytes, 'x').tensors).toEqual(given);
      const reversed = Object.fromEntries(Object.entries(given).toReversed());
      expect(encodeSafetensors(reversed)).toEqual(bytes);
    }),
    runs,
  );
});

test('safetensors with a byte changed, or cut short, are read or refused in one line, never anything else', () => {
  fc.assert(
    fc.property(tensors, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(), (given, at, change, cut) => {
      const bytes = encodeSafetensors(given);
      const changed = bytes.slice();
      changed[at % bytes.length]! ^= change;
      for (const broken of [changed, bytes.subarray(0, cut % bytes.length)]) {
        try {
          decodeSafetensors(broken, 'x');
          expect(broken.length).toBe(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
          expect((error as UserError).message).toMatch(/^x: [^\n]*$/);
        }
      }
    }),
    runs,
  );
});

/** Every path to a value inside. */
function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))];
}

test('a manifest with anything in the place of anything is read or refused in one line', () => {
  const good = JSON.stringify(testBundle(['sample', 'encode']).manifest);
  const paths = pathsOf(JSON.parse(good)).filter((path) => path.length > 0);
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
      const manifest = JSON.parse(good) as Record<string, unknown>;
      const parent = path.slice(0, -1).reduce((at, key) => at[key] as Record<string, unknown>, manifest);
      parent[path.at(-1)!] = value;
      try {
        const parsed = parseManifest(manifest, 'x');
        expect(parsed.format).toEqual((JSON.parse(good) as Record<string, unknown>).format);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        expect(error.message).toMatch(/^x: [^\n]*$/);
      }
    }),
    { ...runs, numRuns: 400 },
  );
});

const sizes = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 50 }), fc.nat(1000));

test('a sweep shows each example once an epoch, with weight 1, and ends the epoch with its last batch', () => {
  fc.assert(
    fc.property(sizes, fc.nat(3), ([size, batchSize, seed], epoch) => {
      const plan = batchPlan('sweep', size, batchSize, seed);
      const perEpoch = Math.ceil(size / batchSize);
      const batches = Array.from({ length: perEpoch }, (_, i) => plan(epoch * perEpoch + i));
      const shown = batches.flatMap(({ indices, weight }) => [...indices].filter((_, i) => weight[i] === 1));
      expect(shown.toSorted((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
      expect(batches.map((batch) => batch.epochEnd)).toEqual(batches.map((_, i) => i === perEpoch - 1));
      expect(batches.every((batch) => batch.epoch === epoch)).toBe(true);
    }),
    runs,
  );
});

test('shuffled batches hold distinct examples of the data, as far as it has enough', () => {
  fc.assert(
    fc.property(sizes, fc.nat(30), ([size, batchSize, seed], step) => {
      const { indices, weight } = batchPlan('shuffled', size, batchSize, seed)(step);
      expect(indices).toHaveLength(batchSize);
      expect(new Set(indices).size).toBe(Math.min(size, batchSize));
      expect(indices.every((index) => index >= 0 && index < size)).toBe(true);
      expect(weight.every((value) => value === 1)).toBe(true);
    }),
    runs,
  );
});

test('a permutation holds every number once', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), fc.nat(60), fc.string(), (seed, n, stream) => {
      expect([...permutation(seed, stream, n)].toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: n }, (_, i) => i),
      );
    }),
    runs,
  );
});
