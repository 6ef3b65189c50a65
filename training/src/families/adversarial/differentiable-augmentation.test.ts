import { tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type AugmentationKind,
  augmentationDraws,
  differentiableAugmentation,
} from './differentiable-augmentation.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const uniform = (stream: string, shape: readonly number[], count: number) =>
  fillNoise({ distribution: 'uniform', seed: 7, stream, firstIndex: 0, count, shape });

/** Applies the changes to one image in [-1, 1], with these draws. */
function changed(
  image: tf.Tensor4D,
  kinds: readonly AugmentationKind[],
  draws: readonly number[],
  range: readonly [number, number] = [-1, 1],
): number[] {
  return [...differentiableAugmentation(image, tf.tensor2d([[...draws]]), kinds, range).dataSync()];
}

describe('on the range [-1, 1] of the paper', () => {
  const small = tf.tensor4d([0.1, -0.4, 0.6, 0.2, 0.8, -1], [1, 2, 1, 3]);

  it('color: brightness, then saturation about the grey, then contrast about the mean', () => {
    const [u0, u1, u2] = [0.9, 0.25, 0.75];
    const bright = [...small.dataSync()].map((v) => v + u0 - 0.5);
    const grey = [0, 3].map((at) => (bright[at]! + bright[at + 1]! + bright[at + 2]!) / 3);
    const saturated = bright.map(
      (v, k) => grey[Math.floor(k / 3)]! + 2 * u1 * (v - grey[Math.floor(k / 3)]!),
    );
    const mean = saturated.reduce((a, b) => a + b) / 6;
    const expected = saturated.map((v) => mean + (u2 + 0.5) * (v - mean));
    const found = changed(small, ['color'], [u0, u1, u2, 0, 0, 0, 0]);
    for (const [k, value] of found.entries()) expect(value).toBeCloseTo(expected[k]!, 5);
    // Draws of 1/2 change nothing.
    const same = changed(small, ['color'], [0.5, 0.5, 0.5, 0, 0, 0, 0]);
    for (const [k, value] of same.entries()) expect(value).toBeCloseTo(small.dataSync()[k]!, 5);
  });

  const ramp = tf.tensor4d(
    Array.from({ length: 64 }, (_, k) => k + 1),
    [1, 8, 8, 1],
  );
  const at = (values: readonly number[], y: number, x: number) => values[8 * y + x];

  it('translation: an eighth of the side each way in whole pixels, grey moving in', () => {
    // 8 / 8 = 1: the shifts are -1, 0, 1.
    const shifts = [0.1, 0.5, 0.9];
    for (const [i, down] of shifts.entries()) {
      for (const [j, right] of shifts.entries()) {
        const moved = changed(ramp, ['translation'], [0, 0, 0, down, right, 0, 0]);
        for (let y = 0; y < 8; y++) {
          for (let x = 0; x < 8; x++) {
            const [fromY, fromX] = [y - (i - 1), x - (j - 1)];
            const inside = fromY >= 0 && fromY < 8 && fromX >= 0 && fromX < 8;
            expect(at(moved, y, x)).toBe(inside ? 8 * fromY + fromX + 1 : 0);
          }
        }
      }
    }
  });

  it('cutout: a square of half the side, which may stick out', () => {
    // A centre of floor(0.6 * 9) = 5 cuts rows 3 to 6; one of 0 cuts columns 0 and 1.
    const cut = changed(ramp, ['cutout'], [0, 0, 0, 0, 0, 0.6, 0]);
    for (let y = 0; y < 8; y++) {
      for (let x = 0; x < 8; x++) {
        expect(at(cut, y, x)).toBe(y >= 3 && y <= 6 && x <= 1 ? 0 : 8 * y + x + 1);
      }
    }
    const corner = changed(ramp, ['cutout'], [0, 0, 0, 0, 0, 0.999, 0.999]);
    expect([at(corner, 5, 7), at(corner, 6, 6), at(corner, 7, 7)]).toEqual([48, 0, 0]);
  });
});

it('is the same of data in another range, in its scale', () => {
  const x = tf.tensor4d(uniform('x', [8, 6, 3], 2), [2, 8, 6, 3]);
  const u = tf.tensor2d(uniform('u', [augmentationDraws], 2), [2, augmentationDraws]);
  const kinds = ['color', 'translation', 'cutout'] as const;
  const unit = differentiableAugmentation(x, u, kinds, [0, 1]);
  const signed = differentiableAugmentation(tf.sub(tf.mul(x, 2), 1) as tf.Tensor4D, u, kinds, [-1, 1]);
  const back = [...tf.div(tf.add(signed, 1), 2).dataSync()];
  for (const [k, value] of [...unit.dataSync()].entries()) expect(value).toBeCloseTo(back[k]!, 5);
});

it('each example is changed by its own draws', () => {
  const x = tf.tensor4d(uniform('x', [8, 6, 3], 3), [3, 8, 6, 3]);
  const u = tf.tensor2d(uniform('u', [augmentationDraws], 3), [3, augmentationDraws]);
  const kinds = ['color', 'translation', 'cutout'] as const;
  const together = differentiableAugmentation(x, u, kinds, [0, 1]);
  for (const i of [0, 1, 2]) {
    const alone = differentiableAugmentation(
      tf.slice(x, [i, 0, 0, 0], [1, 8, 6, 3]),
      tf.slice(u, [i, 0], [1, augmentationDraws]),
      kinds,
      [0, 1],
    );
    expect([...alone.dataSync()]).toEqual([...tf.slice(together, [i, 0, 0, 0], [1, 8, 6, 3]).dataSync()]);
  }
});

const each: AugmentationKind[][] = [
  ['color'],
  ['translation'],
  ['cutout'],
  ['color', 'translation', 'cutout'],
];
it.each(each.map((kinds) => ({ name: kinds.join(), kinds })))(
  'the gradient agrees with finite differences: $name',
  ({ kinds }) => {
    const shape = [2, 8, 6, 3] as const;
    const values = uniform('x', shape.slice(1), 2);
    const weights = tf.tensor4d(uniform('w', shape.slice(1), 2), [...shape]);
    const u = tf.tensor2d(uniform('u', [augmentationDraws], 2), [2, augmentationDraws]);
    const loss = (x: tf.Tensor) =>
      tf.sum(
        tf.mul(weights, tf.square(differentiableAugmentation(x as tf.Tensor4D, u, kinds, [0, 1]))),
      ) as tf.Scalar;
    const gradient = tf
      .grad(loss)(tf.tensor4d(values, [...shape]))
      .dataSync();
    // The loss is a quadratic function of the image: a central difference of any width is exact but for rounding.
    const width = 0.5;
    for (let k = 0; k < values.length; k += 17) {
      const lossAt = (along: number) => {
        const moved = values.slice();
        moved[k]! += along;
        return loss(tf.tensor4d(moved, [...shape])).dataSync()[0]!;
      };
      const slope = (lossAt(width) - lossAt(-width)) / (2 * width);
      expect(gradient[k]).toBeCloseTo(slope, 3);
    }
  },
);
