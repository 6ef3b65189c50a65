import { describe, expect, it } from 'vitest';
import { conformanceCases } from '../conformance/all.ts';
import { type ConformanceCase, kernelsOf, recordCase } from '../conformance/case.ts';
import { tf } from '../tf.ts';
import type { TensorFunction } from '../trace/trace.ts';
import { expectSameInOnnx } from './conformance.ts';
import { onnxLowerings } from './table.ts';

await tf.setBackend('cpu');

/** A few units in the last place of float32 (1.2e-7): onnxruntime's functions and sums are not tfjs's. */
const rounding = 1e-6;

/** What NaN becomes where a lowering deliberately differs from tfjs; the reasons stand beside the lowerings. */
const nanBecomes = (value: number, fn: (x: tf.Tensor) => tf.Tensor): TensorFunction => {
  return ({ x }) => ({ y: tf.where(tf.isNaN(x!), value, fn(tf.where(tf.isNaN(x!), 0, x!))) });
};
const differing: Record<string, Partial<ConformanceCase>> = {
  'step of special values': { reference: nanBecomes(0, (x) => tf.step(x)) },
  'stepWithSlope of special values': { reference: nanBecomes(-0.3, (x) => tf.step(x, -0.3)) },
};

/** Windows that cover padding alone, which ONNX does not allow. */
const refused = /^(max|avg)Pool and its gradient: 1x5x5x2, window (3,1|1,3), stride 1, pad 1$/;

/** Cases that fail for now. One that passes again makes its test fail here: take it off the list. */
const failing: Record<string, string> = {
  'maxPool gradient where a window holds NaN alone': 'the gradient goes to the NaN, in tfjs nowhere',
};

function run({ fn, inputs, reference = fn, tolerance = 0 }: ConformanceCase): Promise<void> {
  return expectSameInOnnx(fn, inputs(), {
    reference,
    tolerance: Math.max(tolerance, rounding),
    elementwise: true,
  });
}

describe('a written ONNX program computes what tfjs does', () => {
  for (const given of conformanceCases) {
    const test = { ...given, ...differing[given.name] };
    if (refused.test(test.name))
      it(`refuses ${test.name}`, () => expect(run(test)).rejects.toThrow(/pad by less than the window/));
    else if (failing[test.name] !== undefined)
      it.fails(`${test.name} (${failing[test.name]})`, () => run(test));
    else it(test.name, () => run(test));
  }

  it('for every kernel that can be traced', () => {
    const exercised = new Set(conformanceCases.flatMap((test) => kernelsOf(recordCase(test).nodes)));
    const missing = Object.keys(onnxLowerings).filter((name) => !exercised.has(name as 'Abs'));
    expect(missing).toEqual([]);
  });

  it('lists no case that is gone', () => {
    const names = new Set(conformanceCases.map(({ name }) => name));
    expect([...Object.keys(differing), ...Object.keys(failing)].filter((name) => !names.has(name))).toEqual(
      [],
    );
    expect([...names].filter((name) => refused.test(name))).toHaveLength(4);
  });
});
