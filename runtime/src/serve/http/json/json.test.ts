import { describe, expect, test } from 'vitest';
import { hostTensor } from '../../../program/tensor.ts';
import { compactLists } from './number-list.ts';
import { parseJson } from './parse.ts';
import { scanJson } from './scan.ts';
import { answerText } from './tensor-text.ts';

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

describe('text of an answer', () => {
  const nested = (shape: number[], values: readonly unknown[]): unknown => {
    if (shape.length === 0) return values[0];
    const [size = 0, ...rest] = shape;
    const step = values.length / Math.max(1, size);
    return Array.from({ length: size }, (_, i) => nested(rest, values.slice(i * step, (i + 1) * step)));
  };
  test.each([[[2, 3]], [[]], [[5]], [[2, 1, 1, 3]], [[0, 3]], [[2, 0]], [[3, 70, 50]]])(
    'of shape %j',
    (shape) => {
      const size = shape.reduce((product, dim) => product * dim, 1);
      const values = Float32Array.from({ length: size }, (_, i) => Math.sin(i) / (1 + (i % 7)));
      if (size > 4) values.set([Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-38], 1);
      const tensor = hostTensor('float32', shape, values);
      const chunks = [
        ...answerText(['{"a":', { tensor, flat: false }, ',"b":', { tensor, flat: true }, '}']),
      ];
      const expected = Array.from(values, (value) => (Number.isFinite(value) ? value : null));
      const text = JSON.stringify({ a: nested(shape, expected), b: expected });
      // JSON writes -0 as 0.
      expect(chunks.join('')).toBe(text);
      if (size > 10_000) expect(chunks.length).toBeGreaterThan(1);
    },
  );

  test('truth values are words', () => {
    const tensor = hostTensor('bool', [2], [1, 0]);
    expect([...answerText([{ tensor, flat: false }])].join('')).toBe('[true,false]');
  });
});
