import { describe, expect, it } from 'vitest';
import { hostTensor } from '../program/tensor.ts';
import { runAtOnce } from './run-at-once.ts';
import { encodeTinyOnnx } from './tiny-onnx.ts';

describe('runAtOnce', () => {
  it('returns every output with its type and shape, of programs with and without inputs', () => {
    const program = encodeTinyOnnx({
      nodes: [
        ['Add', ['x', 'c'], ['sum']],
        ['Less', ['c', 'x'], ['less']],
      ],
      constants: { c: ['float32', [2], [1, 2]] },
      inputs: { x: ['float32', [1, 2]] },
      outputs: { sum: ['float32', [1, 2]], less: ['bool', [1, 2]] },
    });
    expect(runAtOnce(program, { x: hostTensor('float32', [1, 2], [0.5, 4]) })).toEqual({
      sum: hostTensor('float32', [1, 2], [1.5, 6]),
      less: hostTensor('bool', [1, 2], [0, 1]),
    });
    const closed = encodeTinyOnnx({
      nodes: [['Neg', ['c'], ['y']]],
      constants: { c: ['int32', [0, 3], []] },
      inputs: {},
      outputs: { y: ['int32', [0, 3]] },
    });
    expect(runAtOnce(closed)).toEqual({ y: hostTensor('int32', [0, 3], []) });
  });

  it('throws what onnxruntime says of a program that it refuses, and of a run', () => {
    const program = (type: string) =>
      encodeTinyOnnx({
        nodes: [[type, ['x', 'c'], ['y']]],
        constants: { c: ['int64', [1], [3]] },
        inputs: { x: ['float32', [2]] },
        outputs: { y: ['float32', [1]] },
      });
    const x = hostTensor('float32', [2], [1, 2]);
    expect(() => runAtOnce(program('NoSuchOperator'), { x })).toThrow(/NoSuchOperator/);
    expect(() => runAtOnce(program('Gather'), { x })).toThrow(/out of data bounds/);
  });
});
