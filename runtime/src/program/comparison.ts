import { type HostTensor, sizeOf } from './tensor.ts';

/**
 * When two runtimes count as computing the same: |a - b| <= absolute + relative * scale for every value of a float
 * output, where the scale is the output's largest magnitude; other types must be equal.
 *
 * - `relative`: devices sum in other orders and evaluate transcendental functions less exactly; through the tens of
 *   layers of these models that stays well below 1e-4, while an operator that does something else is off by far more.
 * - `absolute`: approximations near zero are of absolute, not relative, accuracy. onnxruntime's CPU Sigmoid is off by
 *   up to 1.7e-7 wherever it is: 0.6 % of the true value at -12, all of it at -18 and below. Six times that leaves
 *   room for a product with a few weights.
 * - `probability`: a draw by inversion compares a uniform number with cumulative probabilities, which are such values
 *   of scale 1. Where the number lies within this distance of one of them, either side is right.
 */
export const parityTolerance = { absolute: 1e-6, relative: 1e-4, probability: 1e-4 } as const;

/** How far values are from those of the reference. */
export interface Difference {
  /** Infinite when a value is not a number on one side only, or the shapes differ. */
  readonly maxAbsoluteError: number;
  /**
   * The largest absolute error over scale + absolute / relative tolerance: what is compared with the relative
   * tolerance. Where the scale is of order 1 or more, the error relative to it.
   */
  readonly maxRelativeError: number;
  /** Examples whose draws went another way where either was right; what follows in them is not compared. */
  readonly flips: number;
  readonly passed: boolean;
}

/**
 * Compares the outputs of one run of a program with reference outputs: a difference for each of the latter.
 * @param margins for outputs that are drawn value after value, in the order in which they stand: how far the uniform
 *   noise of each value lies from where another value would be drawn, given the values before it. The first value of
 *   an example that differs is a flip where its margin is at most `parityTolerance.probability`; the rest of the
 *   example, and its part of the other outputs, depend on it and are not compared.
 */
export function compareOutputs(
  actual: Readonly<Record<string, HostTensor>>,
  expected: Readonly<Record<string, HostTensor>>,
  margins: Readonly<Record<string, HostTensor>> = {},
): Record<string, Difference> {
  const flipped = new Map<number, number>();
  const outputs = Object.keys(expected);
  for (const output of outputs.filter((name) => Object.hasOwn(margins, name))) {
    if (!fits(actual[output], expected[output]!)) continue;
    for (const [example, at] of findFlips(actual[output]!, expected[output]!, margins[output]!)) {
      flipped.set(example, at);
    }
  }
  const difference = (output: string) => {
    const own = Object.hasOwn(margins, output);
    // Of an output that is drawn, what lies before the flip counts.
    return compare(actual[output], expected[output]!, (example) => {
      const at = flipped.get(example);
      return at === undefined ? Number.POSITIVE_INFINITY : own ? at : 0;
    });
  };
  return Object.fromEntries(
    outputs.map((output) => {
      const flips = Object.hasOwn(margins, output) ? flipped.size : 0;
      return [output, { ...difference(output), flips }];
    }),
  );
}

function fits(actual: HostTensor | undefined, { dtype, shape }: HostTensor): actual is HostTensor {
  return (
    actual?.dtype === dtype && String(actual.shape) === String(shape) && actual.data.length === sizeOf(shape)
  );
}

/** Infinite where one of the two is no number, or an infinity that the other is not. */
function errorOf(got: number, value: number): number {
  if (got === value || Object.is(got, value)) return 0;
  const error = Math.abs(got - value);
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

function largestMagnitude({ data }: HostTensor): number {
  let scale = 0;
  for (const value of data) if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
  return scale;
}

function allowedError(reference: HostTensor): number {
  if (reference.dtype !== 'float32') return 0;
  return parityTolerance.absolute + parityTolerance.relative * largestMagnitude(reference);
}

/** Examples by the place of the value that fell on the other side of a threshold, where that may be. */
function findFlips(actual: HostTensor, reference: HostTensor, margin: HostTensor): Map<number, number> {
  const found = new Map<number, number>();
  const count = reference.shape[0] ?? 1;
  const each = reference.data.length / count;
  const allowed = allowedError(reference);
  for (let example = 0; example < count; example++) {
    for (let at = 0; at < each; at++) {
      const i = example * each + at;
      const error = errorOf(actual.data[i]!, reference.data[i]!);
      if (error <= allowed) continue;
      // What is no number is not drawn from the other side of anything.
      if (Number.isFinite(error) && margin.data[i]! <= parityTolerance.probability) found.set(example, at);
      break;
    }
  }
  return found;
}

function compare(
  actual: HostTensor | undefined,
  reference: HostTensor,
  comparedOf: (example: number) => number,
): Omit<Difference, 'flips'> {
  const allowed = allowedError(reference);
  let error = 0;
  if (!fits(actual, reference)) error = Number.POSITIVE_INFINITY;
  else {
    const count = reference.shape[0] ?? 1;
    const each = reference.data.length / count;
    for (let example = 0; example < count; example++) {
      const end = Math.min(each, comparedOf(example));
      for (let i = example * each; i < example * each + end; i++) {
        error = Math.max(error, errorOf(actual.data[i]!, reference.data[i]!));
      }
    }
  }
  const scale = largestMagnitude(reference) + parityTolerance.absolute / parityTolerance.relative;
  return {
    maxAbsoluteError: error,
    maxRelativeError: error / scale,
    passed: error <= allowed,
  };
}
