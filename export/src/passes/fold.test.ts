import { hostTensor, runAtOnce } from '@generatrix/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Graph, Node } from '../graph/ir.ts';
import { writeOnnx } from '../onnx/write.ts';
import { tf } from '../tf.ts';
import { type NamedTensors, record, trace } from '../trace/trace.ts';
import { foldConstants } from './fold.ts';

const names = (graph: Graph) =>
  graph.nodes.map((node: Node) => (node.op === 'kernel' ? node.kernel : node.op));

/** The values of a function's one output, which must have been folded into the graph. */
function folded(fn: () => tf.Tensor): { readonly shape: readonly unknown[]; readonly values: number[] } {
  const graph = trace(() => ({ y: fn() }), {});
  const [node] = graph.nodes;
  expect(names(graph)).toHaveLength(1);
  const { shape } = graph.outputs[0]!.value;
  const size = (shape as number[]).reduce((a, b) => a * b, 1);
  if (node?.op === 'splat') return { shape, values: Array(size).fill(node.value) };
  return { shape, values: node?.op === 'constant' ? [...node.data] : [] };
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('foldConstants', () => {
  it('multiplies matrices whose batches broadcast against each other', () => {
    const product = () => tf.matMul(tf.ones([2, 3, 1, 1]), tf.tensor([10, 20], [2, 1, 1, 1]));
    expect(folded(product)).toEqual({ shape: [2, 3, 1, 1], values: [10, 10, 10, 20, 20, 20] });
  });

  it.each<[string, () => tf.Tensor, number[], number[]]>([
    ['all of no values is true', () => tf.all(tf.zeros([2, 0], 'bool'), 1), [2], [1, 1]],
    ['any of no values is false', () => tf.any(tf.zeros([2, 0], 'bool'), 1), [2], [0, 0]],
    ['a sum of no values is 0', () => tf.sum(tf.zeros([2, 0]), 1), [2], [0, 0]],
    ['a product of no values is 1', () => tf.prod(tf.zeros([2, 0]), 1), [2], [1, 1]],
    [
      'cumsum along a negative axis',
      () => tf.cumsum(tf.tensor([1, 2, 3, 4], [2, 2]), -1),
      [2, 2],
      [1, 3, 3, 7],
    ],
    [
      'cumprod along a negative axis',
      () => tf.cumprod(tf.tensor([1, 2, 3, 4], [2, 2]), -2),
      [2, 2],
      [1, 2, 3, 8],
    ],
    [
      'einsum that keeps the batch alone', // sums of [[1,2],[3,4]] and [[5,6],[7,8]] times a matrix of ones
      () => tf.einsum('bij,bjk->b', tf.tensor([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]), tf.ones([2, 2, 3])),
      [2],
      [30, 78],
    ],
    [
      'a band of a matrix',
      () => tf.linalg.bandPart(tf.ones([3, 3]), -1, 0),
      [3, 3],
      [1, 0, 0, 1, 1, 0, 1, 1, 1],
    ],
    ['unstack into one piece', () => tf.unstack(tf.tensor([[1, 2]]))[0]!, [2], [1, 2]],
    [
      'unstack into several',
      () =>
        tf.unstack(
          tf.tensor([
            [1, 2],
            [3, 4],
          ]),
          1,
        )[1]!,
      [2],
      [2, 4],
    ],
    ['unstack of a list of scalars', () => tf.unstack(tf.tensor([5]))[0]!, [], [5]],
    ['split into one piece', () => tf.split(tf.tensor([1, 2]), 1)[0]!, [2], [1, 2]],
    ['split into uneven pieces', () => tf.split(tf.tensor([1, 2, 3]), [1, 2])[1]!, [2], [2, 3]],
    ['the places of the largest', () => tf.topk(tf.tensor([3, 1, 2]), 2).indices, [2], [0, 2]],
    ['the largest', () => tf.topk(tf.tensor([3, 1, 2]), 1).values, [1], [3]],
  ])('%s', (_, fn, shape, values) => {
    expect(folded(fn)).toEqual({ shape, values });
  });

  it('gives the same bits as the program would that computes it in every run', () => {
    const fns: Record<string, (x: tf.Tensor) => tf.Tensor> = {
      sigmoid: tf.sigmoid,
      tanh: tf.tanh,
      exp: tf.exp,
      softmax: (x) => tf.softmax(x),
      sum: (x) => tf.sum(tf.mul(x, x)),
      matMul: (x) => tf.matMul(tf.reshape(x, [4, 8]), tf.reshape(x, [8, 4])),
    };
    const data = Float32Array.from({ length: 32 }, (_, i) => Math.fround(Math.sin(i) * 20));
    const all = (x: tf.Tensor): NamedTensors =>
      Object.fromEntries(Object.entries(fns).map(([name, fn]) => [name, fn(x)]));
    const written = (graph: Graph) => writeOnnx(graph, { name: 'test' });
    const closed = trace(() => all(tf.tensor(data)), {});
    const open = trace(({ x }) => all(x!), { x: { dtype: 'float32', shape: [32] } });
    expect(new Set(names(closed))).toEqual(new Set(['constant']));
    expect(runAtOnce(written(closed))).toEqual(
      runAtOnce(written(open), { x: hostTensor('float32', [32], data) }),
    );
  });

  it('leaves in what cannot be written or computed, and large results, and folds the rest', () => {
    const graph = foldConstants(
      record(() => {
        // A window of padding alone, which ONNX does not allow.
        const pooled = tf.maxPool(tf.ones([1, 5, 5, 2]) as tf.Tensor4D, [3, 1], 1, 1);
        const one = tf.exp(tf.scalar(0));
        return { a: tf.neg(pooled), b: tf.add(one, 1), c: tf.tile(tf.tensor1d([1, 2]), [40_000]) };
      }, {}),
    );
    expect(names(graph).filter((name) => name !== 'constant' && name !== 'splat')).toEqual([
      'MaxPool',
      'Neg',
      'Tile',
    ]);
    const sum = graph.nodes.find(({ outputs }) => outputs[0] === graph.outputs[1]!.value);
    expect(sum?.op === 'constant' && [...sum.data]).toEqual([2]);
  });
});
