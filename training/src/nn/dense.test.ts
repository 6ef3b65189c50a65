import { tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectModule, type Values } from '../testing/module-check.ts';
import { dense, mlp } from './dense.ts';
import { glorotUniform, heNormal, heUniform, lecunNormal, normal, zeros } from './initial-values.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** x @ kernel + bias, row by row. */
function affine(x: Values, kernel: Values, bias: Values): number[] {
  const outputs = bias.length;
  const inputs = kernel.length / outputs;
  return Array.from({ length: (x.length / inputs) * outputs }, (_, at) => {
    const [row, j] = [Math.floor(at / outputs), at % outputs];
    let sum = bias[j]!;
    for (let i = 0; i < inputs; i++) sum += x[row * inputs + i]! * kernel[i * outputs + j]!;
    return sum;
  });
}

const reference = ({ x, state }: { x: Values; state: Readonly<Record<string, Values>> }) =>
  affine(x, state['d/kernel']!, state['d/bias'] ?? [0, 0]);

describe('a dense layer', () => {
  it('is x @ kernel + bias', () => expectModule({ module: dense('d', 3, 2), shape: [4, 3], reference }));

  it('treats every position alike', () =>
    expectModule({ module: dense('d', 3, 2), shape: [2, 2, 2, 3], reference }));

  it('may have no bias', () =>
    expectModule({ module: dense('d', 3, 2, { bias: false }), shape: [2, 3], reference }));

  it('with a mask neither sees nor changes what is masked', () => {
    const mask = [1, 0, 0, 1, 1, 1];
    return expectModule({
      module: dense('d', 3, 2, { mask: () => tf.tensor2d(mask, [3, 2]) }),
      shape: [4, 3],
      reference: ({ x, state }) =>
        affine(
          x,
          state['d/kernel']!.map((value, i) => value * mask[i]!),
          state['d/bias']!,
        ),
    });
  });

  it('divided by what the power iteration says of its largest singular value', () =>
    expectModule({
      module: dense('d', 3, 2, { spectral: true }),
      shape: [4, 3],
      reference: ({ x, state }) => {
        const kernel = state['d/kernel']!;
        let sigma = 0;
        for (let i = 0; i < 3; i++)
          for (let j = 0; j < 2; j++)
            sigma += state['d/left']![i]! * kernel[2 * i + j]! * state['d/right']![j]!;
        return affine(
          x,
          kernel.map((value) => value / sigma),
          state['d/bias']!,
        );
      },
    }));

  it('refuses a mask under spectral normalisation, which would not know of it', () => {
    expect(() => dense('d', 3, 2, { spectral: true, mask: () => tf.ones([3, 2]) })).toThrow(
      /layer 'd'.*mask/,
    );
  });

  it.each([
    ['Glorot', glorotUniform, { distribution: 'uniform', scale: Math.sqrt(6 / 8) }],
    ['He, normal', heNormal, { distribution: 'normal', scale: Math.sqrt(2 / 6) }],
    ['He, uniform', heUniform, { distribution: 'uniform', scale: 1 }],
    ['LeCun', lecunNormal, { distribution: 'normal', scale: Math.sqrt(1 / 6) }],
    ['a given deviation', normal(0.02), { distribution: 'normal', scale: 0.02 }],
    ['zeros', zeros, 0],
  ] as const)('starts as %s says, its bias at zero unless asked otherwise', (_, initial, expected) => {
    expect(dense('d', 6, 2, { initial }).specs).toEqual({
      'd/kernel': { shape: [6, 2], initial: expected },
      'd/bias': { shape: [2], initial: 0 },
    });
    expect(dense('d', 6, 2, { biasInitial: initial }).specs['d/bias']!.initial).toEqual(expected);
  });
});

it('hidden layers are dense layers with ReLU after each', () =>
  expectModule({
    module: mlp('m', 3, [4, 2]),
    shape: [3, 3],
    reference: ({ x, state }) => {
      const relu = (values: number[]) => values.map((value) => Math.max(0, value));
      const first = relu(affine(x, state['m/0/kernel']!, state['m/0/bias']!));
      return relu(affine(first, state['m/1/kernel']!, state['m/1/bias']!));
    },
  }));
