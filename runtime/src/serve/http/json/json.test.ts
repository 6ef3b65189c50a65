import { describe, expect, test } from 'vitest';
import { hostTensor } from '../../../program/tensor.ts';
import { compactLists } from './number-list.ts';
import { longestNumber, writeFloat32, writeInt32 } from './number-text.ts';
import { parseJson } from './parse.ts';
import { scanJson } from './scan.ts';
import { type AnswerPart, answerBytes } from './tensor-text.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const limits = { maxJsonDepth: 8, maxValues: 10_000 };

describe('a scan', () => {
  test.each([
    [`[${Array(10_001).fill('1').join(',')}]`, /more than 10000 values/],
    [`[${Array(5000).fill('{}').join(',')}]`, /more than 4096 objects/],
    [`{${Array.from({ length: 5000 }, (_, i) => `"k${i}":1`).join(',')}}`, /more than 4096 members/],
    ['[[[[[[[[[1]]]]]]]]]', /more than 8 levels/],
  ])('refuses %.20s...', (text, reason) => {
    expect(() => scanJson(bytes(text), limits)).toThrow(reason);
  });

  test('looks into no strings', () => {
    const text = JSON.stringify({ a: '[{,:"\\'.repeat(5000), b: [1] });
    expect(parseJson(bytes(text), limits)).toEqual(JSON.parse(text));
  });

  test('stops where a limit is passed, however much comes after', () => {
    const [head, tail] = [bytes(Array(5000).fill('{}').join(',')), bytes('\u0000'.repeat(1000))];
    let read = 0;
    const all = new Uint8Array([...head, ...tail]);
    const watched = new Proxy(all, {
      get: (target, key) => {
        if (typeof key === 'string' && /^\d+$/.test(key)) read = Math.max(read, Number(key));
        return Reflect.get(target, key) as unknown;
      },
    });
    expect(() => scanJson(watched, limits)).toThrow(/objects/);
    expect(read).toBe(3 * 4096);
  });
});

describe('compacted lists', () => {
  test('keep short ones, and give long ones as numbers with the lengths of their lists', () => {
    const image = [
      [
        [1, 2, 3],
        [4, 5, 6.5],
      ],
      [
        [7, 8, 9],
        [10, 11, -12],
      ],
    ];
    const value = { inputs: [{ name: 'x', data: image, shape: [2, 2, 3] }], label: [1, 2], id: null };
    const compacted = compactLists(value, 4) as typeof value;
    expect(compacted).toEqual({
      ...value,
      inputs: [
        {
          name: 'x',
          shape: [2, 2, 3],
          data: { lengths: [2, 2, 3], numbers: Float64Array.from(image.flat(2)) },
        },
      ],
    });
    expect(compactLists(value, 100)).toEqual(value);
  });

  test.each([
    [[[1, 2], [3, 4], [5]], /data: .*equal lengths.*where value 4 comes, a list of 2/],
    [
      [
        [1, 2],
        [3, 'x'],
        [5, 6],
      ],
      /data: .*where value 3 comes, a number/,
    ],
    [
      [
        [1, 2],
        [3, [4]],
        [5, 6],
      ],
      /where value 3 comes, a number/,
    ],
    [[[1, 2], 3, [5, 6]], /where value 2 comes, a list of 2/],
  ])('refuse %j', (data, reason) => {
    expect(() => compactLists({ data }, 4)).toThrow(reason);
  });

  test('leave no way around: what is in no list of numbers is bounded, too', () => {
    expect(() => compactLists({ data: [{}, ...Array<number>(100).fill(1)] }, 4)).toThrow(/too many values/);
  });
});

/** The number with the fewest digits that is this float32 when it is read, found by trying. */
function digitsOf(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return rounded;
  }
  return Number(value.toPrecision(9));
}

const textOf = (parts: readonly AnswerPart[]) => Buffer.concat([...answerBytes(parts)]).toString();

/** Whole numbers of 32 bits have all their digits. */
const wholeOrShort = (value: number) => ((value | 0) === value ? value : digitsOf(value));

describe('numbers', () => {
  const out = new Uint8Array(64);
  const floatText = (value: number) => {
    const end = writeFloat32(out, 3, value);
    expect(end - 3).toBeLessThanOrEqual(longestNumber);
    return Buffer.from(out.subarray(3, end)).toString();
  };

  test('of every size are the fewest digits that name a float32, as JavaScript writes them', () => {
    const float = new Float32Array(1);
    const bits = new Uint32Array(float.buffer);
    // A full cycle through 2^32 in steps of a prime: all exponents, both signs, denormal numbers.
    for (let i = 0; i < 50_000; i++) {
      bits[0] = (i * 2_654_435_761) >>> 0;
      const [value = 0] = float;
      const expected = Number.isFinite(value) ? String(wholeOrShort(value)) : 'null';
      if (floatText(value) !== expected) expect(floatText(value), `of ${value}`).toBe(expected);
    }
  });

  test.each([
    [0, '0'],
    [-0, '0'],
    [0.1, '0.1'],
    [-12.5, '-12.5'],
    [1e-7, '1e-7'],
    [1.5e21, '1.5e+21'],
    [2 ** -20, '9.536743e-7'],
    [16_777_216, '16777216'],
    [0.999999940395, '0.99999994'],
    [9.99999974e-5, '0.0001'],
    [3.4028234663852886e38, '3.4028235e+38'],
    [2 ** -149, '1e-45'],
    [Number.NaN, 'null'],
    [Number.NEGATIVE_INFINITY, 'null'],
  ])('%d', (value, text) => {
    expect(floatText(Math.fround(value))).toBe(text);
  });

  test.each([0, 7, -1, 10, 99, 100, 12_345, 2 ** 31 - 1, -(2 ** 31)])('%d as a whole number', (value) => {
    expect(Buffer.from(out.subarray(0, writeInt32(out, 0, value))).toString()).toBe(String(value));
  });
});

describe('text of an answer', () => {
  const nested = (shape: number[], values: readonly unknown[]): unknown => {
    if (shape.length === 0) return values[0];
    const [size = 0, ...rest] = shape;
    const step = values.length / Math.max(1, size);
    return Array.from({ length: size }, (_, i) => nested(rest, values.slice(i * step, (i + 1) * step)));
  };
  test.each([[[2, 3]], [[]], [[5]], [[2, 1, 1, 3]], [[0, 3]], [[2, 0]], [[3, 70, 150]]])(
    'of shape %j',
    (shape) => {
      const size = shape.reduce((product, dim) => product * dim, 1);
      const values = Float32Array.from({ length: size }, (_, i) => Math.sin(i) / (1 + (i % 7)));
      if (size > 4) values.set([Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-38], 1);
      const tensor = hostTensor('float32', shape, values);
      const chunks = [
        ...answerBytes(['{"a":', { tensor, flat: false }, ',"b":', { tensor, flat: true }, '}']),
      ];
      const expected = Array.from(values, (value) => (Number.isFinite(value) ? digitsOf(value) : null));
      const text = JSON.stringify({ a: nested(shape, expected), b: expected });
      // JSON writes -0 as 0.
      expect(Buffer.concat(chunks).toString()).toBe(text);
      if (size > 10_000) expect(chunks.length).toBeGreaterThan(1);
    },
  );

  test('truth values are words', () => {
    const tensor = hostTensor('bool', [2], [1, 0]);
    expect(textOf([{ tensor, flat: false }])).toBe('[true,false]');
  });

  test('text that is longer than a chunk, and lists of nothing that are', () => {
    const tensor = hostTensor('float32', [200_000, 0], []);
    const long = JSON.stringify('ü'.repeat(300_000));
    expect(textOf(['{"a":', long, ',"b":', { tensor, flat: false }, '}'])).toBe(
      `{"a":${long},"b":[${Array(200_000).fill('[]').join(',')}]}`,
    );
  });
});
