import { describe, expect, test } from 'vitest';
import { everyIndex } from '../testing/test-support.ts';
import { digits8, glyphs } from './glyphs.ts';

const correlation = (a: readonly number[], b: readonly number[]): number => {
  const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  const dot = (x: readonly number[], mx: number, y: readonly number[], my: number): number =>
    x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0);
  return dot(a, ma, b, mb) / Math.sqrt(dot(a, ma, a, ma) * dot(b, mb, b, mb));
};

describe('glyphs', () => {
  test('has the stated sizes, shape and range, on clean paper', async () => {
    const data = glyphs({ split: 'test' });
    expect(data.size).toBe(2000);
    expect(glyphs({ split: 'train' }).size).toBe(20_000);
    const { shape, data: values } = await data.gather(everyIndex(data));
    expect(shape).toEqual([2000, 28, 28, 1]);
    let [paper, border, outside] = [0, 0, 0];
    values.forEach((value, at) => {
      if (!(value >= 0 && value <= 1)) outside++;
      if (value === 0) paper++;
      const [x, y] = [at % 28, Math.floor(at / 28) % 28];
      if (value > 0.5 && (x === 0 || y === 0 || x === 27 || y === 27)) border++;
    });
    expect(outside).toBe(0);
    // MNIST's training images are 80.9 % exact zeros.
    expect(paper / values.length).toBeGreaterThan(0.75);
    // Hardly any digit may touch the edge: of 2000 x 108 border pixels, at most one in a thousand.
    expect(border).toBeLessThan(216);
  });

  test('an example depends on seed, split and index alone', async () => {
    const whole = glyphs({ split: 'train', seed: 3, size: 50 });
    const all = (await whole.gather(everyIndex(whole))).data;
    const few = glyphs({ split: 'train', seed: 3, size: 20 });
    expect((await few.gather([17, 4, 17])).data).toEqual(
      Float32Array.from([
        ...all.slice(17 * 784, 18 * 784),
        ...all.slice(4 * 784, 5 * 784),
        ...all.slice(17 * 784, 18 * 784),
      ]),
    );
    expect(few.labels).toEqual(whole.labels!.slice(0, 20));
    const other = glyphs({ split: 'train', seed: 4, size: 20 });
    expect((await other.gather([4])).data).not.toEqual((await few.gather([4])).data);
  });

  test('no glyph to validate or to test is a training glyph', async () => {
    const keys = async (split: 'train' | 'validation' | 'test'): Promise<string[]> => {
      const data = glyphs({ split, size: 2000 });
      return Promise.all(Array.from(everyIndex(data), async (i) => (await data.gather([i])).data.join()));
    };
    const train = new Set(await keys('train'));
    expect(train.size).toBe(2000);
    for (const split of ['validation', 'test'] as const) {
      expect((await keys(split)).filter((key) => train.has(key))).toEqual([]);
    }
  });

  test('digits are equally likely', async () => {
    const { labels } = glyphs({ split: 'train' });
    const counts = new Array<number>(10).fill(0);
    for (const label of labels!) counts[label]!++;
    const chiSquared = counts.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0);
    // 27.88 is the 0.999 quantile with 9 degrees of freedom.
    expect(chiSquared).toBeLessThan(27.88);
  });

  test('the factors are what was drawn: slant and thickness measured on the straight ones', async () => {
    const data = glyphs({ split: 'train', size: 6000 });
    const ones = Array.from(everyIndex(data)).filter((i) => {
      const { digit, variant } = data.factors(i);
      return digit === 1 && variant === 0;
    });
    expect(ones.length).toBeGreaterThan(150);
    const measured = await Promise.all(
      ones.map(async (index) => measureStroke((await data.gather([index])).data)),
    );
    const factors = ones.map((index) => data.factors(index));
    // Shear then rotation turn the vertical by atan(slant) + rotation; the hand's unsteadiness blurs it.
    const lean = factors.map(({ slant, rotation }) => Math.tan(Math.atan(slant) + rotation));
    expect(
      correlation(
        lean,
        measured.map(({ slope }) => slope),
      ),
    ).toBeGreaterThan(0.97);
    expect(
      correlation(
        factors.map(({ thickness }) => thickness),
        measured.map(({ width }) => width),
      ),
    ).toBeGreaterThan(0.9);
    const ratio =
      measured.reduce((sum, { width }, i) => sum + width / factors[i]!.thickness, 0) / ones.length;
    // The widths agree but for the round ends, which the estimate leaves out (about 5 % of the ink).
    expect(Math.abs(ratio - 1)).toBeLessThan(0.1);
  });

  test('labels say what is drawn: the nearest of 2000 training glyphs has the right digit', async () => {
    const train = glyphs({ split: 'train', size: 2000 });
    const unseen = glyphs({ split: 'test', size: 200 });
    const known = (await train.gather(everyIndex(train))).data;
    const asked = (await unseen.gather(everyIndex(unseen))).data;
    let right = 0;
    for (let q = 0; q < unseen.size; q++) {
      let [best, nearest] = [Infinity, -1];
      for (let t = 0; t < train.size; t++) {
        let distance = 0;
        for (let k = 0; k < 784 && distance < best; k++)
          distance += (asked[q * 784 + k]! - known[t * 784 + k]!) ** 2;
        if (distance < best) [best, nearest] = [distance, t];
      }
      if (train.labels![nearest] === unseen.labels![q]) right++;
    }
    // Mislabelled glyphs would leave 20 right.
    expect(right).toBeGreaterThan(180);
  });

  test('refuses an index outside', async () => {
    const data = glyphs({ split: 'train', size: 5 });
    await expect(data.gather([5])).rejects.toThrow(RangeError);
    await expect(data.gather([0.5])).rejects.toThrow('index 0.5 is outside its 5 examples');
    expect(() => data.factors(-1)).toThrow(RangeError);
  });
});

test('digits8 is the block mean of the same glyphs', async () => {
  const large = glyphs({ split: 'test', seed: 9, size: 30 });
  const small = digits8({ split: 'test', seed: 9, size: 30 });
  expect(small.spec.shape).toEqual([8, 8, 1]);
  expect(small.labels).toEqual(large.labels);
  const full = (await large.gather(everyIndex(large))).data;
  const averaged = (await small.gather(everyIndex(small))).data;
  averaged.forEach((value, at) => {
    const [x, y, n] = [at % 8, Math.floor(at / 8) % 8, Math.floor(at / 64)];
    let mean = 0;
    for (let k = 0; k < 9; k++)
      mean += full[n * 784 + (2 + 3 * y + Math.floor(k / 3)) * 28 + 2 + 3 * x + (k % 3)]! / 9;
    // Kept as a byte: off by half a step at most, and float32 rounding.
    expect(Math.abs(value - mean)).toBeLessThan(0.5 / 255 + 1e-6);
  });
});

/** Slope to the right per pixel up, and ink per length, of a nearly straight upright stroke. */
function measureStroke(pixels: ArrayLike<number>): { slope: number; width: number } {
  let [ink, sx, sy] = [0, 0, 0];
  let [top, bottom] = [28, 0];
  for (let at = 0; at < 784; at++) {
    const [x, y, value] = [at % 28, Math.floor(at / 28), pixels[at]!];
    ink += value;
    sx += value * x;
    sy += value * y;
    if (value > 0.5) [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  let [xy, yy] = [0, 0];
  for (let at = 0; at < 784; at++) {
    const [x, y] = [(at % 28) - sx / ink, Math.floor(at / 28) - sy / ink];
    xy += pixels[at]! * x * y;
    yy += pixels[at]! * y * y;
  }
  const slope = -xy / yy;
  return { slope, width: ink / ((bottom - top + 1) * Math.hypot(1, slope)) };
}
