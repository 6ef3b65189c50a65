import { describe, expect, test } from 'vitest';
import { compareOutputs, parityTolerance } from './comparison.ts';
import { hostTensor } from './tensor.ts';

const rows = (...values: number[][]) =>
  hostTensor('float32', [values.length, values[0]!.length], values.flat());
const compare = (actual: number[][], expected: number[][], margin?: number[][]) =>
  compareOutputs(
    { y: rows(...actual) },
    { y: rows(...expected) },
    margin === undefined ? {} : { y: rows(...margin) },
  ).y!;
const { NaN: none, POSITIVE_INFINITY: infinity } = Number;

describe('the tolerance', () => {
  test('a sparse sigmoid passes as onnxruntime computes it', () => {
    // Sigmoid at -12, -15, -17 and -18: onnxruntime's values on the CPU, and the true ones.
    const got = [6.109476e-6, 3.576279e-7, 8.940697e-8, 0];
    const truth = [6.144175e-6, 3.059022e-7, 4.139938e-8, 1.522998e-8];
    const { maxAbsoluteError, maxRelativeError, passed } = compare([got], [truth]);
    expect(passed).toBe(true);
    expect(maxAbsoluteError).toBeCloseTo(5.17e-8, 10);
    // Over 0.01 + 6.144e-6: finite and small, though it is all of the last value.
    expect(maxRelativeError).toBeCloseTo(maxAbsoluteError / 0.010006144, 12);
  });

  test.each([1, 1e-3, 0])('an error of 1e-3 does not, with values up to %d', (scale) => {
    expect(compare([[scale, scale / 2 + 1e-3, 0]], [[scale, scale / 2, 0]]).passed).toBe(false);
  });

  test.each([1, 100, 1e-4])('its edge is absolute + relative * scale, for a scale of %d', (scale) => {
    const edge = parityTolerance.absolute + parityTolerance.relative * scale;
    // Powers of two about the edge would hide the rounding of float32, which is 6e-8 of the scale.
    const inside = compare([[scale, 0.999 * edge]], [[scale, 0]]);
    const outside = compare([[scale, 1.001 * edge]], [[scale, 0]]);
    expect([inside.passed, outside.passed]).toEqual([true, false]);
    // The one number that is shown says the same.
    expect(inside.maxRelativeError).toBeLessThan(parityTolerance.relative);
    expect(outside.maxRelativeError).toBeGreaterThan(parityTolerance.relative);
  });

  test('is for floats: other types must be equal', () => {
    const whole = (value: number) => ({ y: hostTensor('int32', [1], [value]) });
    expect(compareOutputs(whole(100_000), whole(100_001)).y!.passed).toBe(false);
    expect(compareOutputs(whole(7), whole(7)).y!.passed).toBe(true);
  });

  test('an infinite value elsewhere is no scale', () => {
    expect(compare([[infinity, 1e-3]], [[infinity, 0]]).passed).toBe(false);
    expect(compare([[infinity, -infinity, none]], [[infinity, -infinity, none]]).passed).toBe(true);
    expect(compare([[infinity, none, 0]], [[infinity, 0, 0]])).toMatchObject({
      passed: false,
      maxAbsoluteError: infinity,
    });
  });
});

describe('draws that follow one another', () => {
  const expected = [
    [0, 1, 0, 1, 1],
    [1, 1, 0, 0, 1],
  ];
  /** The third value of the second example lies within the tolerance of its threshold; the others do not. */
  const margin = [
    [0.2, 0.3, 0.1, 0.4, 0.2],
    [0.2, 0.1, 5e-5, 0.3, 0.2],
  ];
  const other = (example: number, from: number) =>
    expected.map((row, i) => row.map((x, at) => (i === example && at >= from ? 1 - x : x)));

  test('a flip where either side is right is counted, and what follows is not compared', () => {
    expect(compare(other(1, 2), expected, margin)).toMatchObject({
      flips: 1,
      passed: true,
      maxAbsoluteError: 0,
    });
  });

  test('a flip anywhere else is an error', () => {
    expect(compare(other(1, 1), expected, margin)).toMatchObject({
      flips: 0,
      passed: false,
      maxAbsoluteError: 1,
    });
    expect(compare(other(0, 2), expected, margin)).toMatchObject({ flips: 0, passed: false });
    // The flip of one example excuses no other.
    const both = other(1, 2).map((row, i) => (i === 0 ? other(0, 4)[0]! : row));
    expect(compare(both, expected, margin)).toMatchObject({ flips: 1, passed: false });
    expect(compare(other(1, 2), expected)).toMatchObject({ flips: 0, passed: false });
  });

  test('what is no number is no flip', () => {
    const broken = [expected[0]!, [1, 1, none, 0, 1]];
    expect(compare(broken, expected, margin)).toMatchObject({ flips: 0, passed: false });
  });

  test('the other outputs of an example that flipped are not compared, those of the others are', () => {
    const carry = rows([1, 2], [3, 4]);
    const run = (values: number[][]) =>
      compareOutputs(
        { y: rows(...other(1, 2)), 'next/h': rows(...values) },
        { y: rows(...expected), 'next/h': carry },
        { y: rows(...margin) },
      )['next/h']!;
    expect(
      run([
        [1, 2],
        [9, 9],
      ]),
    ).toMatchObject({ passed: true, flips: 0, maxAbsoluteError: 0 });
    expect(
      run([
        [1, 2.01],
        [9, 9],
      ]).passed,
    ).toBe(false);
  });
});
