import { tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectModule, type Given } from '../testing/module-check.ts';
import { attention, attentionStep, cacheShape, overPositions } from './attention.ts';
import { inference } from './module.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** softmax(q k' / sqrt(d)) v of every head, in plain loops: [batch, length, width] to the same. */
function byHand([batch, length, width]: readonly number[], heads: number, causal: boolean) {
  return ({ x, state }: Given): number[] => {
    const depth = width! / heads;
    const row = (values: readonly number[], at: number, size: number) =>
      values.slice(at * size, (at + 1) * size);
    const times = (v: readonly number[], kernel: readonly number[], bias: readonly number[]) =>
      bias.map((b, j) => v.reduce((sum, value, i) => sum + value * kernel[i * bias.length + j]!, b));
    const y: number[] = [];
    for (let n = 0; n < batch!; n++) {
      const qkv = Array.from({ length: length! }, (_, t) =>
        times(row(x, n * length! + t, width!), state['a/qkv/kernel']!, state['a/qkv/bias']!),
      );
      const part = (t: number, which: number, head: number) =>
        qkv[t]!.slice(which * width! + head * depth, which * width! + (head + 1) * depth);
      for (let t = 0; t < length!; t++) {
        const joined: number[] = [];
        for (let head = 0; head < heads; head++) {
          const seen = Array.from({ length: causal ? t + 1 : length! }, (_, s) => s);
          const weights = seen.map((s) =>
            Math.exp(
              part(t, 0, head).reduce((sum, q, i) => sum + q * part(s, 1, head)[i]!, 0) / Math.sqrt(depth),
            ),
          );
          const total = weights.reduce((a, b) => a + b, 0);
          for (let i = 0; i < depth; i++)
            joined.push(seen.reduce((sum, s) => sum + (weights[s]! / total) * part(s, 2, head)[i]!, 0));
        }
        y.push(...times(joined, state['a/output/kernel']!, state['a/output/bias']!));
      }
    }
    return y;
  };
}

describe('attention', () => {
  it.each([
    { heads: 1, causal: false },
    { heads: 2, causal: false },
    { heads: 2, causal: true },
  ])('is the softmax of the products of queries and keys, times the values: %j', ({ heads, causal }) => {
    const shape = [2, 3, 4];
    return expectModule({
      module: attention('a', 4, { heads, causal }),
      shape,
      reference: byHand(shape, heads, causal),
    });
  });

  it('step by step with a cache is that of the whole sequence', () => {
    const options = { heads: 2, causal: true };
    const { specs, apply } = attention('a', 4, options);
    const state = Object.fromEntries(
      Object.entries(specs).map(([name, { shape }], i) => [
        name,
        tf.randomUniform([...shape], -1, 1, 'float32', i),
      ]),
    );
    const x = tf.randomUniform([2, 3, 4], -1, 1, 'float32', 9);
    const whole = apply(state, x, inference);
    const step = attentionStep('a', 4, options);
    const empty = tf.zeros([2, ...cacheShape(4, 3, options)]);
    let cache = { keys: empty, values: empty };
    for (const t of [0, 1, 2]) {
      const here = tf.tile(tf.oneHot(tf.tensor1d([t], 'int32'), 3), [2, 1]);
      const own = tf.reshape(tf.slice(x, [0, t, 0], [2, 1, 4]), [2, 4]);
      const next = step(state, own, cache, tf.cast(here, 'float32'));
      const expected = tf.reshape(tf.slice(whole, [0, t, 0], [2, 1, 4]), [2, 4]).dataSync();
      for (const [i, value] of next.output.dataSync().entries()) expect(value).toBeCloseTo(expected[i]!, 5);
      cache = next.cache;
    }
  });

  it('over the positions of images is that over their rows one after the other', () =>
    expectModule({
      module: overPositions(attention('a', 4, { heads: 2 })),
      shape: [2, 1, 3, 4],
      reference: byHand([2, 3, 4], 2, false),
    }));

  it('refuses heads that do not divide the width', () => {
    expect(() => attention('a', 4, { heads: 3 })).toThrow(
      /attention 'a': 3 heads do not divide a width of 4/,
    );
  });
});
