import { createExecutor, type HostTensor, hostTensor } from '@generatrix/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkGraph } from '../graph/check.ts';
import type { Graph, Node, ScanNode } from '../graph/ir.ts';
import { writeOnnx } from '../onnx/write.ts';
import { tf } from '../tf.ts';
import { scan } from '../trace/scan.ts';
import { type NamedTensors, trace } from '../trace/trace.ts';
import { elementwiseGroups } from './elementwise-groups.ts';
import { piecewise } from './piecewise.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const [rows, columns] = [420, 400];
const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const;

/** Momentum with a clipped gradient and a running mean, on a large kernel and a bias, two steps. */
function momentum({ w, m, mean, b, x, rate }: NamedTensors): NamedTensors {
  const { carries, outputs } = scan({
    carries: { w: w!, m: m!, mean: mean!, b: b! },
    sequences: { x: x!, rate: rate! },
    body: ({ w, m, mean, b }, { x, rate }) => {
      const y = tf.tanh(tf.add(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D), b!)); // [3, columns]
      const gradient = tf.matMul(x as tf.Tensor2D, y as tf.Tensor2D, true); // [rows, columns]
      const clipped = tf.div(gradient, tf.sqrt(tf.sum(tf.square(gradient))));
      const moved = tf.add(tf.mul(m!, 0.9), clipped);
      const next = tf.sub(tf.sub(w!, tf.mul(rate!, moved)), tf.mul(1e-3, w!));
      return {
        carries: {
          w: next,
          m: moved,
          mean: tf.add(mean!, tf.mul(0.5, tf.sub(next, mean!))),
          b: tf.sub(b!, tf.mul(rate!, tf.sum(y, 0))),
        },
        outputs: { largest: tf.max(next), size: tf.sum(y) },
      };
    },
  });
  return { ...Object.fromEntries(Object.entries(carries).map(([k, v]) => [`next/${k}`, v])), ...outputs };
}

const inputs = {
  w: float(rows, columns),
  m: float(rows, columns),
  mean: float(rows, columns),
  b: float(columns),
  x: float(2, 3, rows),
  rate: float(2),
};

const values = Object.fromEntries(
  Object.entries(inputs).map(([name, { shape }], k) => {
    const size = shape.reduce((a: number, b: number) => a * b, 1);
    return [
      name,
      hostTensor(
        'float32',
        [...shape],
        Float32Array.from({ length: size }, (_, i) => Math.sin(i * (k + 1)) / 9),
      ),
    ];
  }),
) as Record<string, HostTensor>;

async function results(graph: Graph): Promise<Record<string, HostTensor>> {
  const onnx = writeOnnx(graph, { name: 'loop', openLoop: true });
  const program = await (await createExecutor('cpu')).load('loop', onnx);
  // As the state of a training run is given: in the shapes that the program wants.
  const given = program.inputs.map(({ name, shape }) => [
    name,
    shape.some((dim) => typeof dim === 'string') ? values[name] : { ...values[name], shape },
  ]);
  const outputs = await program.run(Object.fromEntries(given) as Record<string, HostTensor>);
  await program.release();
  return outputs as Record<string, HostTensor>;
}

const scansOf = (nodes: readonly Node[]) => nodes.filter((node): node is ScanNode => node.op === 'scan');

describe('updates in pieces', () => {
  it('are the same bits as updates of whole tensors', async () => {
    const whole = trace(momentum, inputs);
    const cut = piecewise(whole);
    checkGraph(cut, 'pieces');
    const [loop, ...around] = cut.nodes;
    expect(around).toEqual([]);
    const [update, ...others] = scansOf((loop as ScanNode).body.nodes);
    expect(others).toEqual([]);
    expect(update!.length).toBe(6);
    // Gradient, mean, momentum and weights of 28,000 elements each.
    expect(update!.body.inputs.filter(({ value }) => value.shape[0] === 28_000).length).toBe(4);
    expect(update!.body.outputs.length).toBe(3);
    // Of the whole tensors only the norm of the gradient is left outside.
    const outside = elementwiseGroups((loop as ScanNode).body).filter(({ size }) => size === rows * columns);
    expect(outside.map(({ nodes }) => nodes.map(({ kernel }) => kernel))).toEqual([['Square']]);
    const [one, other] = [await results(cut), await results(whole)];
    for (const [name, { data }] of Object.entries(one)) {
      const different = [...data].filter((value, i) => !Object.is(value, other[name]!.data[i]));
      expect([name, different.length]).toEqual([name, 0]);
    }
  });

  it('are left alone where the runtime would round the whole otherwise', () => {
    const pieces = (change: (w: tf.Tensor, x: tf.Tensor2D) => tf.Tensor) => {
      const graph = trace(
        ({ w, x }) =>
          scan({
            carries: { w: w! },
            sequences: { x: x! },
            body: ({ w }, { x }) => ({
              carries: { w: tf.sub(tf.mul(tf.add(w!, change(w!, x as tf.Tensor2D)), 2), w!) },
            }),
          }).carries,
        { w: float(rows, columns), x: float(2, rows, 3) },
      );
      return scansOf(scansOf(piecewise(graph).nodes)[0]!.body.nodes).length;
    };
    const wide = (x: tf.Tensor2D) => tf.slice(tf.transpose(x), [0, 0], [3, columns]) as tf.Tensor2D;
    const times = (x: tf.Tensor2D) => tf.matMul(x, wide(x));
    const length = (w: tf.Tensor) => tf.sqrt(tf.sum(w));
    expect(pieces((w) => tf.mul(w, tf.div(1, length(w))))).toBe(0);
    expect(pieces((w) => tf.div(w, length(w)))).toBe(1);
    expect(pieces((_, x) => times(x))).toBe(0);
    expect(pieces((_, x) => tf.square(times(x)))).toBe(1);
  });

  it('are left alone where tensors are small, or cannot be cut into even pieces', () => {
    const sizes = (size: number) => {
      const graph = trace(
        ({ w, x }) => ({
          w: scan({
            carries: { w: w! },
            sequences: { x: x! },
            body: ({ w }, { x }) => ({
              carries: { w: tf.add(tf.mul(tf.sub(tf.mul(w!, 2), x!), 3), w!) },
            }),
          }).carries.w!,
        }),
        { w: float(size), x: float(2, size) },
      );
      return scansOf(scansOf(piecewise(graph).nodes)[0]!.body.nodes).map(({ length }) => length);
    };
    expect(sizes(131_072)).toEqual([]);
    expect(sizes(131_075)).toEqual([5]);
    expect(sizes(131_101)).toEqual([]); // a prime
  });
});

describe('groups of elementwise operations', () => {
  it('hold no path that leaves them and comes back', () => {
    const graph = trace(
      ({ x, y }) => {
        const a = tf.add(x!, y!);
        const b = tf.mul(a, 2);
        const norm = tf.sum(b); // leaves
        return { out: tf.sub(tf.mul(b, norm), tf.square(y!)), a };
      },
      { x: float(5), y: float(5) },
    );
    const groups = elementwiseGroups(graph).map(({ nodes }) => nodes.map(({ kernel }) => kernel));
    expect(groups).toEqual([
      ['Add', 'Multiply'],
      ['Multiply', 'Square', 'Sub'],
    ]);
  });
});
