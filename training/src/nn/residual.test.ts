import { tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectModule } from '../testing/module-check.ts';
import { activations } from './activations.ts';
import { dense } from './dense.ts';
import { newPass } from './module.ts';
import { conditionShift, residual, residualBlock } from './residual.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('a residual branch is added to its input, or to the shortcut', async () => {
  const line = (name: string) => dense(name, 1, 1);
  const at = (values: Readonly<Record<string, readonly number[]>>, name: string, x: number) =>
    x * values[`${name}/kernel`]![0]! + values[`${name}/bias`]![0]!;
  await expectModule({
    module: residual([activations.tanh, line('b')]),
    shape: [3, 1],
    reference: ({ x, state }) => x.map((value) => value + at(state, 'b', Math.tanh(value))),
  });
  await expectModule({
    module: residual([line('b')], [line('s')]),
    shape: [3, 1],
    reference: ({ x, state }) => x.map((value) => at(state, 's', value) + at(state, 'b', value)),
  });
});

it('a condition shifts the channels of its own example, the same everywhere', () =>
  expectModule({
    module: conditionShift('c', 2, 3, activations.tanh),
    shape: [2, 4, 3],
    condition: 2,
    reference: ({ x, state, condition }) =>
      x.map((value, i) => {
        const [example, channel] = [Math.floor(i / 12), i % 3];
        const shift = [0, 1].reduce(
          (sum, k) => sum + Math.tanh(condition[2 * example + k]!) * state['c/kernel']![3 * k + channel]!,
          state['c/bias']![channel]!,
        );
        return value + shift;
      }),
  }));

describe('a residual block', () => {
  /** With windows of one value and one group for each channel of a 1x2 image, written out. */
  it('normalises, activates, convolves and adds the condition, twice, and the shortcut', () =>
    expectModule({
      module: residualBlock('r', [1, 2], { size: 1, groups: 1, condition: 1, activation: activations.tanh }),
      shape: [1, 1, 2, 1],
      condition: 1,
      reference: ({ x, state, condition }) => {
        const of = (name: string) => state[`r/${name}`]!;
        const standardised = (values: readonly number[], norm: string) => {
          const width = of(`${norm}/scale`).length;
          const mean = values.reduce((a, b) => a + b, 0) / values.length;
          const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
          return values.map((v, i) =>
            Math.tanh(
              ((v - mean) / Math.sqrt(variance + 1e-5)) * of(`${norm}/scale`)[i % width]! +
                of(`${norm}/offset`)[i % width]!,
            ),
          );
        };
        const shifted = standardised(x, 'norm0').flatMap((value) =>
          [0, 1].map(
            (k) =>
              value * of('conv0/kernel')[k]! +
              of('conv0/bias')[k]! +
              Math.tanh(condition[0]!) * of('condition/kernel')[k]! +
              of('condition/bias')[k]!,
          ),
        ); // [2 pixels, 2 channels]
        const h = standardised(shifted, 'norm1');
        return [0, 1].flatMap((pixel) =>
          [0, 1].map(
            (k) =>
              h[2 * pixel]! * of('conv1/kernel')[k]! +
              h[2 * pixel + 1]! * of('conv1/kernel')[2 + k]! +
              of('conv1/bias')[k]! +
              x[pixel]! * of('shortcut/kernel')[k]! +
              of('shortcut/bias')[k]!,
          ),
        );
      },
    }));

  it('starts as its shortcut: the second convolution starts at zero', () => {
    const { specs } = residualBlock('r', [4, 4], { groups: 2, dropout: 0.1 });
    expect(specs['r/conv1/kernel']!.initial).toBe(0);
    expect(Object.keys(specs).some((name) => name.startsWith('r/shortcut'))).toBe(false);
  });

  it('says so when the pass brings no condition', () => {
    const module = conditionShift('c', 2, 3, activations.silu);
    const state = { 'c/kernel': tf.ones([2, 3]), 'c/bias': tf.zeros([3]) };
    expect(() => module.apply(state, tf.ones([1, 3]), newPass(false))).toThrow(/layer 'c'.*no condition/);
  });
});
