import { tf } from '@generatrix/export';
import { beforeAll, expect, it } from 'vitest';
import { expectModule } from '../testing/module-check.ts';
import { dropout } from './dropout.ts';
import { inference, newPass } from './module.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it.each([
  ['every value by itself', [3, 2]],
  ['whole channels', [1, 2]],
] as const)('in training drops %s where the noise is below the rate, and makes up for it', (_, shape) =>
  expectModule({
    module: dropout('drop', shape, 0.4),
    shape: [4, 3, 2],
    training: true,
    reference: ({ x, noise }) =>
      x.map((value, i) => {
        const [example, row, channel] = [Math.floor(i / 6), Math.floor(i / 2) % 3, i % 2];
        const u =
          shape[0] === 1
            ? noise.drop![2 * example + channel]!
            : noise.drop![6 * example + 2 * row + channel]!;
        return u < 0.4 ? 0 : value / 0.6;
      }),
  }),
);

it('does nothing outside training', () =>
  expectModule({ module: dropout('drop', [2], 0.4), shape: [3, 2], reference: ({ x }) => x }));

it('at a rate of 0 declares no noise', () => {
  expect(dropout('drop', [2], 0).noise).toBeUndefined();
});

it('says which noise is missing, and which rate is none', () => {
  const x = tf.ones([1, 2]);
  expect(() => dropout('drop', [2], 0.5).apply({}, x, newPass(true))).toThrow(/dropout 'drop'.*no noise/);
  expect(dropout('drop', [2], 0.5).apply({}, x, inference)).toBe(x);
  expect(() => dropout('drop', [2], 1)).toThrow(/share below 1, got 1/);
});
