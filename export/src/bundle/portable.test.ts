import { describe, expect, it } from 'vitest';
import {
  batchedInputs,
  batchedLoop,
  loop,
  loopInputs,
  nested,
  nestedInputs,
  noise,
  reversed,
} from '../conformance/loops.ts';
import type { Graph } from '../graph/ir.ts';
import { expectSameInOnnx, recordFor } from '../onnx/conformance.ts';
import { messages, readWire, texts } from '../onnx/wire.ts';
import { writeOnnx } from '../onnx/write.ts';
import { mostUnrolled } from '../passes/unroll.ts';
import { tf } from '../tf.ts';
import { scan } from '../trace/scan.ts';
import type { NamedTensors, TensorFunction } from '../trace/trace.ts';
import { portableGraph } from './portable.ts';

await tf.setBackend('cpu');

/** What the gradient of a loop is: a second loop, over what the first one kept. */
const gradient: TensorFunction = ({ x, w }) => {
  const loss = (weight: tf.Tensor) => {
    const { carries } = scan({
      carries: { h: tf.zeros([2]) },
      sequences: { x: x! },
      body: ({ h }, { x: slice }) => ({ carries: { h: tf.tanh(tf.add(tf.mul(h!, weight), slice!)) } }),
    });
    return tf.sum(tf.square(carries.h!)) as tf.Scalar;
  };
  return { dw: tf.grad(loss)(w!) };
};

const loops: [string, TensorFunction, () => NamedTensors, boolean][] = [
  ['carries of every type, sequences and captures', loop, loopInputs, false],
  ['one step', loop, () => ({ ...loopInputs(), x: noise([1, 3], 1), keep: tf.tensor1d([1], 'bool') }), false],
  ['a loop in a loop', nested, nestedInputs, false],
  ['sizes of the batch', batchedLoop, batchedInputs, true],
  ['from the end', reversed, () => ({ x: noise([4, 2], 6) }), false],
  ['a gradient', gradient, () => ({ x: noise([4, 2], 7), w: noise([2], 8) }), false],
];

const types = (graph: Graph): string[] => {
  const file = messages(readWire(writeOnnx(graph, { name: 'test' })), 7)[0]!;
  return messages(file, 1).flatMap((node) => texts(node, 4));
};

describe('unrolled loops', () => {
  // The same kernels in the same order; onnxruntime may fuse what no loop holds apart any more.
  const close = { tolerance: 1e-6, elementwise: true, portable: { loops: 'unrolled' } } as const;

  it.each(loops)('compute the same: %s', async (_, fn, inputs, batched) => {
    await expectSameInOnnx(fn, inputs(), { ...close, batched });
  });

  it.each(loops)('are no loops: %s', (_, fn, inputs, batched) => {
    const graph = recordFor(fn, inputs(), batched);
    expect(types(graph)).toContain('Scan');
    expect(types(portableGraph('test', graph, { loops: 'unrolled' }))).not.toContain('Scan');
  });

  it('hold the weights of a body once', () => {
    const weight = noise([300], 1);
    const fn: TensorFunction = ({ x, start }) => {
      const { carries } = scan({
        carries: { h: start! },
        sequences: { x: x! },
        body: ({ h }, { x: slice }) => ({ carries: { h: tf.add(tf.mul(h!, weight), slice!) } }),
      });
      return { h: carries.h! };
    };
    const graph = portableGraph(
      'test',
      recordFor(fn, { x: noise([5, 300], 2), start: noise([300], 3) }, false),
      {
        loops: 'unrolled',
      },
    );
    const held = graph.nodes.flatMap((node) => (node.op === 'constant' ? [node.data.length] : []));
    expect(held.filter((length) => length === 300)).toHaveLength(1);
  });

  it('are refused where they would be too many nodes, with the number', () => {
    const length = mostUnrolled;
    const graph = recordFor(reversed, { x: tf.zeros([length, 2]) }, false);
    expect(() => portableGraph('sample', graph, { loops: 'unrolled' })).toThrow(
      /^program sample: unrolled it has \d+ nodes, .*keep its loops \(scan\), or run them outside \(host\)$/,
    );
  });
});

it('comparisons that take equal numbers are those that every runtime has, and NaN is neither', async () => {
  const fn: TensorFunction = ({ a, b }) => ({ more: tf.greaterEqual(a!, b!), less: tf.lessEqual(a!, b!) });
  const inputs = {
    a: tf.tensor1d([1, 2, 3, Number.NaN, Number.POSITIVE_INFINITY, Number.NaN]),
    b: tf.tensor1d([2, 2, 2, 1, Number.POSITIVE_INFINITY, Number.NaN]),
  };
  await expectSameInOnnx(fn, inputs, { tolerance: 0, batched: true, portable: { loops: 'unrolled' } });
  const graph = portableGraph('test', recordFor(fn, inputs, true), { loops: 'unrolled' });
  expect(new Set(types(graph))).toEqual(new Set(['Greater', 'Less', 'Equal', 'Or']));
});

describe('one batch size', () => {
  const fn: TensorFunction = ({ x }) => {
    const [batch] = x!.shape as [number, number, number];
    const ramp = tf.range(0, batch * 2, 1, 'float32');
    const parts = tf.slice(tf.tile(x!, [2, 1, 1]), [batch, 0, 0], [batch, 5, 1]);
    return {
      ramp: tf.add(tf.reshape(ramp, [batch, 2]), tf.sum(parts, 2).sum(1, true)),
      ones: tf.ones([batch, 3]),
    };
  };

  it.each([
    ['of sizes of all kinds', fn],
    ['of a loop', batchedLoop],
  ] as const)('computes the same, without arithmetic on shapes: %s', async (_, fn) => {
    const inputs = batchedInputs();
    const [batch] = inputs.x!.shape;
    for (const loops of ['scan', 'unrolled'] as const) {
      await expectSameInOnnx(fn, inputs, { tolerance: 1e-6, batched: true, portable: { loops, batch } });
    }
    const graph = recordFor(fn, inputs, true);
    expect(types(graph)).toContain('Shape');
    const fixed = portableGraph('test', graph, { batch });
    expect(types(fixed)).not.toContain('Shape');
    expect(JSON.stringify([...fixed.inputs, ...fixed.outputs])).not.toContain('scale');
    expect(fixed.inputs[0]!.value.shape).toEqual([batch, 5, 2]);
  });

  it.each([0, -1, 1.5, Number.NaN])('that is none is refused: %s', (batch) => {
    const graph = recordFor(batchedLoop, batchedInputs(), true);
    expect(() => portableGraph('sample', graph, { batch })).toThrow(
      /^program sample: batch: expected a positive whole number, got/,
    );
  });
});
