import { createExecutor, type HostTensor, hostTensor } from '@generatrix/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { tf } from '../tf.ts';
import { scan } from '../trace/scan.ts';
import { type TensorFunction, trace } from '../trace/trace.ts';
import { writeOnnx } from './write.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const;

/** An average that moves: m <- m / 2 + x, reporting what it was; one of its inputs is not looked at. */
const moving: TensorFunction = ({ m, x, unused }) => {
  const { carries, outputs } = scan({
    carries: { m: m! },
    sequences: { x: x!, unused: unused! },
    body: ({ m }, { x }) => ({
      carries: { m: tf.add(tf.mul(m!, 0.5), x!) },
      outputs: { before: tf.sum(m!) },
    }),
  });
  return { last: carries.m!, before: outputs.before! };
};
const inputs = { m: float(2), x: float(2, 2), unused: float(2, 3) };

describe('a loop that is left open', () => {
  it.each([1, 2, 5])('takes %i steps, with the numbers of the recurrence', async (steps) => {
    const onnx = writeOnnx(trace(moving, inputs), { name: 'moving', openLoop: true });
    const program = await (await createExecutor('cpu')).load('moving', onnx);
    expect(program.inputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['m', [2]],
      ['x', ['steps', 2]],
      ['unused', ['steps', 3]],
    ]);
    const x = Array.from({ length: 2 * steps }, (_, i) => i - 3);
    const { last, before } = (await program.run({
      m: hostTensor('float32', [2], [4, 8]),
      x: hostTensor('float32', [steps, 2], x),
      unused: hostTensor('float32', [steps, 3], new Float32Array(3 * steps)),
    })) as Record<string, HostTensor>;
    await program.release();
    let m = [4, 8];
    const sums: number[] = [];
    for (let step = 0; step < steps; step++) {
      sums.push(m[0]! + m[1]!);
      m = m.map((value, i) => value / 2 + x[2 * step + i]!);
    }
    expect(last).toEqual(hostTensor('float32', [2], m));
    expect(before).toEqual(hostTensor('float32', [steps], sums));
  });

  it.each<[string, TensorFunction, RegExp]>([
    ['no scan', ({ m }) => ({ twice: tf.add(m!, m!) }), /left open: it is not one scan alone$/],
    [
      'work beside the scan',
      (tensors) => ({ ...moving(tensors), x2: tf.square(tensors.x!) }),
      /not one scan alone/,
    ],
    [
      'an input that all steps share',
      ({ m, x, unused }) => {
        const { carries } = scan({
          carries: { m: m! },
          sequences: { x: x! },
          body: ({ m }) => ({ carries: { m: tf.add(m!, tf.sum(unused!)) } }),
        });
        return { last: carries.m! };
      },
      /its steps share the input 'unused'/,
    ],
    [
      'an output that is a constant',
      (tensors) => ({ ...moving(tensors), one: tf.tensor1d([1, 2]) }),
      /output 'one' is no result of the scan/,
    ],
  ])('is refused with %s', (_, fn, message) => {
    const graph = trace(fn, inputs);
    expect(() => writeOnnx(graph, { name: 'loop', openLoop: true })).toThrow(message);
  });

  it('is refused with an input of another length that no step looks at', () => {
    const graph = trace(
      ({ m, x, other }) => ({ ...moving({ m: m!, x: x!, unused: x! }), ...(other ? {} : {}) }),
      {
        ...inputs,
        other: float(3),
      },
    );
    expect(() => writeOnnx(graph, { name: 'loop', openLoop: true })).toThrow(
      /input 'other' is neither carried nor a sequence of 2 steps/,
    );
  });
});
