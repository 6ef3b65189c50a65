import { tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectModule } from '../testing/module-check.ts';
import { activations } from './activations.ts';
import { dense } from './dense.ts';
import { dropout } from './dropout.ts';
import { declared, inference, sequential } from './module.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('sequential', () => {
  it('runs modules and functions in their order', () =>
    expectModule({
      module: sequential([dense('a', 1, 1), activations.tanh, dense('b', 1, 1)]),
      shape: [3, 1],
      reference: ({ x, state }) =>
        x.map((value) => {
          const h = Math.tanh(value * state['a/kernel']![0]! + state['a/bias']![0]!);
          return h * state['b/kernel']![0]! + state['b/bias']![0]!;
        }),
    }));

  it('declares what its modules do, in their order', () => {
    const module = sequential([dense('a', 2, 3), dropout('drop', [3], 0.1), dense('b', 3, 1)]);
    expect(Object.keys(module.specs)).toEqual(['a/kernel', 'a/bias', 'b/kernel', 'b/bias']);
    expect(module.noise).toEqual({ drop: { distribution: 'uniform', shape: [3] } });
  });

  it('of nothing is the identity', () => {
    const x = tf.ones([1, 2]);
    expect(sequential([]).apply({}, x, inference)).toBe(x);
  });

  it('refuses two layers of one name, but not one layer in two places', () => {
    expect(() => sequential([dense('a', 2, 2), dense('a', 2, 2)])).toThrow("two modules declare 'a/kernel'");
    const shared = dense('a', 2, 2);
    expect(Object.keys(declared([shared, shared]).specs)).toEqual(['a/kernel', 'a/bias']);
  });
});
