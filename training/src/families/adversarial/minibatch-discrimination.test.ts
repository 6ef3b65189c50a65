import { tf } from '@generatrix/export';
import { beforeAll, expect, it } from 'vitest';
import { inference } from '../../nn/module.ts';
import { minibatchCloseness } from './minibatch-discrimination.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('sums exp of minus the L1 distances over the batch, as the definition in plain loops does', () => {
  const [batch, features, kernels] = [4, 3, 2];
  const module = minibatchCloseness('t', features, kernels);
  expect(module.specs.t!.shape).toEqual([features, kernels * 5]);
  const f = Array.from({ length: batch }, (_, i) =>
    Array.from({ length: features }, (_, k) => Math.sin(3 * i + k)),
  );
  const t = Array.from({ length: features }, (_, a) =>
    Array.from({ length: kernels * 5 }, (_, j) => 0.4 * Math.cos(2 * a + 0.7 * j)),
  );
  const got = module.apply({ t: tf.tensor2d(t) }, tf.tensor2d(f), inference).arraySync() as number[][];
  const m = (i: number, b: number, c: number) =>
    f[i]!.reduce((total, value, a) => total + value * t[a]![5 * b + c]!, 0);
  for (let i = 0; i < batch; i++) {
    for (let b = 0; b < kernels; b++) {
      let expected = 0;
      for (let j = 0; j < batch; j++) {
        let distance = 0;
        for (let c = 0; c < 5; c++) distance += Math.abs(m(i, b, c) - m(j, b, c));
        expected += Math.exp(-distance);
      }
      // float32 against float64.
      expect(got[i]![b]).toBeCloseTo(expected, 5);
    }
  }
});

it('is the batch size where all examples are the same: what gives a collapsed generator away', () => {
  const same = tf.ones([6, 3]) as tf.Tensor2D;
  const got = minibatchCloseness('t', 3, 2)
    .apply({ t: tf.ones([3, 10]) }, same, inference)
    .dataSync();
  expect([...got]).toEqual(new Array(12).fill(6));
});
