import { describe, expect, test } from 'vitest';
import { openBundle } from '../bundle/bundle.ts';
import { UserError } from '../errors.ts';
import { createExecutor } from '../ort/ort-node.ts';
import { type HostTensor, hostTensor } from '../program/tensor.ts';
import { memorySource, testBundle } from '../testing/bundle.ts';
import { checkParity, compareWithReference } from './parity.ts';

const row = (values: readonly number[]) => hostTensor('float32', [1, 3], values);

/** What a bundle with `sample` and `encode` computes, worked out by hand. */
const reference = {
  'sample/in/z': row([1, 2, 3]),
  'sample/in/label': hostTensor('int32', [1], [1]),
  'sample/in/temperature': hostTensor('float32', [], [1]),
  'sample/out/data': row([12, 22, 31.5]),
  'sample/out/level': hostTensor('int32', [1], [1]),
  'encode/in/x': row([1, -2, 0.5]),
  'encode/out/y': row([2, -4, 1]),
};

async function rowsFor(changes: Record<string, HostTensor>, programs?: string[]) {
  const bundle = await openBundle(
    memorySource(testBundle(['sample', 'encode'], { ...reference, ...changes }).files),
  );
  return checkParity(bundle, await createExecutor('cpu'), { ...(programs && { programs }) });
}

describe('checkParity', () => {
  test('a row for each output of each program', async () => {
    const exact = { maxAbsoluteError: 0, maxRelativeError: 0, flips: 0, passed: true };
    expect(await rowsFor({})).toEqual([
      { program: 'sample', output: 'data', ...exact },
      { program: 'sample', output: 'level', ...exact },
      { program: 'encode', output: 'y', ...exact },
    ]);
    expect(await rowsFor({}, ['encode'])).toEqual([{ program: 'encode', output: 'y', ...exact }]);
  });

  test('says how far an output is off, relative to the largest value', async () => {
    const [close, , far] = await rowsFor({
      'sample/out/data': row([12, 22, 31.5 + 2 ** -10]),
      'encode/out/y': row([2, -4 - 2 ** -10, 1]),
    });
    expect(close).toMatchObject({ maxAbsoluteError: 2 ** -10, passed: true });
    expect(close!.maxRelativeError).toBeCloseTo(2 ** -10 / (31.5 + 2 ** -10 + 0.01), 12);
    expect(far).toMatchObject({ maxAbsoluteError: 2 ** -10, passed: false });
    expect(far!.maxRelativeError).toBeCloseTo(2 ** -10 / (4 + 2 ** -10 + 0.01), 12);
  });

  test('counts a draw that fell on the other side of a threshold near by, where the bundle says so', async () => {
    const flipped = { 'sample/out/data': row([12, 25, 99]) };
    const near = { 'sample/margin/data': row([0.1, 5e-5, 0.1]) };
    const far = { 'sample/margin/data': row([0.1, 5e-3, 0.1]) };
    const [first] = await rowsFor({ ...flipped, ...near });
    expect(first).toMatchObject({ output: 'data', flips: 1, passed: true });
    expect((await rowsFor({ ...flipped, ...far }))[0]).toMatchObject({ flips: 0, passed: false });
    expect((await rowsFor(flipped))[0]).toMatchObject({ flips: 0, passed: false });
  });

  test('whole numbers must be equal', async () => {
    const rows = await rowsFor({ 'sample/out/level': hostTensor('int32', [1], [100001]) });
    expect(rows[1]).toMatchObject({ output: 'level', maxAbsoluteError: 100000, passed: false });
  });

  test('a bundle without reference, or without that of one program', async () => {
    const executor = await createExecutor('cpu');
    const without = await openBundle(memorySource(testBundle(['sample']).files));
    await expect(checkParity(without, executor)).rejects.toThrow(UserError);
    await expect(checkParity(without, executor)).rejects.toThrow('has no reference outputs');
    const { 'encode/out/y': _, ...partial } = reference;
    const part = await openBundle(memorySource(testBundle(['encode'], partial).files));
    await expect(checkParity(part, executor)).rejects.toThrow(
      "no reference for output 'y' of program encode",
    );
    await expect(checkParity(part, executor, { programs: ['paint'] })).rejects.toThrow("no program 'paint'");
  });
});

describe('compareWithReference', () => {
  const compare = (actual: number[], expected: number[]) =>
    compareWithReference('p', { y: row(actual) }, { y: row(expected) })[0]!;
  const { NaN: none, POSITIVE_INFINITY: infinity } = Number;

  test('what is no number passes only where the reference is none, too', () => {
    expect(compare([1, none, 3], [1, none, 3])).toMatchObject({ passed: true, maxRelativeError: 0 });
    expect(compare([1, none, 3], [1, 2, 3])).toMatchObject({ passed: false, maxAbsoluteError: infinity });
    expect(compare([1, 2, 3], [1, none, 3])).toMatchObject({ passed: false });
    expect(compare([infinity, 1, 1], [infinity, 1, 1]).passed).toBe(true);
    expect(compare([-infinity, 1, 1], [infinity, 1, 1]).passed).toBe(false);
    expect(compare([infinity, 1, 1], [1e30, 1, 1]).passed).toBe(false);
    expect(compare([1, 1, 1], [infinity, 1, 1]).passed).toBe(false);
  });

  test('zeros', () => {
    expect(compare([0, -0, 0], [0, 0, 0]).passed).toBe(true);
    expect(compare([0, 1e-7, 0], [0, 0, 0])).toMatchObject({ passed: true });
    // Finite, so that JSON can hold it.
    expect(compare([0, 1e-7, 0], [0, 0, 0]).maxRelativeError).toBeCloseTo(1e-5, 10);
    expect(compare([0, 1e-3, 0], [0, 0, 0]).passed).toBe(false);
  });

  test('a missing output, another shape and another type do not pass', () => {
    const expected = { y: row([1, 2, 3]) };
    expect(compareWithReference('p', {}, expected)[0]!.passed).toBe(false);
    const tall = hostTensor('float32', [3, 1], [1, 2, 3]);
    expect(compareWithReference('p', { y: tall }, expected)[0]!.passed).toBe(false);
    const whole = hostTensor('int32', [1, 3], [1, 2, 3]);
    expect(compareWithReference('p', { y: whole }, expected)[0]!.passed).toBe(false);
  });
});
