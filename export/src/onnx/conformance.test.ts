import { describe, expect, it } from 'vitest';
import { conformanceCases } from '../conformance/all.ts';
import { kernelsOf, recordCase } from '../conformance/case.ts';
import { tf } from '../tf.ts';
import { expectSameInOnnx } from './conformance.ts';
import { onnxLowerings } from './table.ts';

await tf.setBackend('cpu');

describe('a written ONNX program computes what tfjs does', () => {
  it.each(conformanceCases.map((test) => [test.name, test] as const))('%s', async (_, test) => {
    const { fn, inputs, reference = fn, tolerance = 0 } = test;
    await expectSameInOnnx(fn, inputs(), {
      reference,
      tolerance: Math.max(tolerance, 1e-6),
      elementwise: true,
    });
  });

  it('for every kernel that can be traced', () => {
    const exercised = new Set(conformanceCases.flatMap((test) => kernelsOf(recordCase(test).nodes)));
    const missing = Object.keys(onnxLowerings).filter((name) => !exercised.has(name as 'Abs'));
    expect(missing).toEqual([]);
  });
});
