import { beforeAll, describe, expect, it } from 'vitest';
import { values } from '../conformance/case.ts';
import { tf } from '../tf.ts';
import { scan } from '../trace/scan.ts';
import { traceBatched } from '../trace/symbolic.ts';
import { trace } from '../trace/trace.ts';
import { expectClose, loadWritten, runNamed } from './conformance/harness.ts';
import { maximumNodes, unsupportedInGraphModel, writeGraphModel } from './index.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const;
const batched = (...shape: number[]) => ({ dtype: 'float32', shape, batched: true }) as const;

describe('a scan', () => {
  /** A recurrent layer with a captured weight, an invariant product in its body, and stacked results. */
  function recurrent({ h, x, w }: Record<string, tf.Tensor>): Record<string, tf.Tensor> {
    const { carries, outputs } = scan({
      carries: { h: h! },
      sequences: { x: x! },
      body: (carry, slice) => {
        const next = tf.tanh(tf.add(tf.matMul(carry.h!, tf.matMul(w!, w!)), slice.x!));
        return { carries: { h: next }, outputs: { y: tf.mul(next, 2) } };
      },
    });
    return { last: carries.h!, ys: outputs.y! };
  }

  it('is unrolled, with what does not change computed once', async () => {
    const graph = trace(recurrent, { h: float(2, 3), x: float(5, 2, 3), w: float(3, 3) });
    expect(graph.nodes.some(({ op }) => op === 'scan')).toBe(true);
    const { modelJson } = writeGraphModel(graph, { name: 'rnn' });
    const products = modelJson.modelTopology.node.filter(({ op }) => op === 'BatchMatMulV2');
    expect(products.length).toBe(1 + 5);
    const inputs = { h: values(2, 3), x: values(5, 2, 3), w: values(3, 3) };
    const actual = runNamed(await loadWritten(graph), inputs, ['last', 'ys']);
    const expected = recurrent(inputs);
    // The same ops in the same order on both sides.
    for (const name of ['last', 'ys']) expectClose(actual[name]!, expected[name]!, 1e-7, name);
  });

  it('takes a symbolic batch', async () => {
    const fn = ({ x }: Record<string, tf.Tensor>) => {
      const turned = tf.transpose(x!, [1, 0, 2]);
      return recurrent({ h: tf.zeros([x!.shape[0]!, 3]), x: turned, w: values(3, 3) });
    };
    const graph = traceBatched(fn, { x: batched(4, 3) });
    const model = await loadWritten(graph);
    for (const batch of [1, 3]) {
      const x = values(batch, 4, 3);
      const actual = runNamed(model, { x }, ['last', 'ys']);
      const expected = fn({ x });
      for (const name of ['last', 'ys']) expectClose(actual[name]!, expected[name]!, 1e-7, name);
    }
  });

  it('inside a scan is unrolled too, with the tensors it captures', async () => {
    const fn = ({ x, w }: Record<string, tf.Tensor>) => {
      const rows = scan({
        carries: { total: tf.zeros([2]) },
        sequences: { row: x! },
        body: ({ total }, { row }) => {
          const inner = scan({
            carries: { sum: total! },
            sequences: { cell: row! },
            body: ({ sum }, { cell }) => ({
              carries: { sum: tf.add(tf.mul(sum!, w!), tf.add(cell!, total!)) },
              outputs: { half: tf.div(sum!, 2) },
            }),
          });
          return { carries: { total: inner.carries.sum! }, outputs: { halves: inner.outputs.half! } };
        },
      });
      return { total: rows.carries.total!, halves: rows.outputs.halves! };
    };
    const graph = trace(fn, { x: float(3, 4, 2), w: float(2) });
    const inputs = { x: values(3, 4, 2), w: tf.tensor1d([0.5, -0.25]) };
    const actual = runNamed(await loadWritten(graph), inputs, ['total', 'halves']);
    const expected = fn(inputs);
    for (const name of ['total', 'halves'] as const) expectClose(actual[name]!, expected[name]!, 1e-7, name);
  });

  it('of too many steps is refused in one line', () => {
    const graph = trace(recurrent, { h: float(1, 2), x: float(9_000, 1, 2), w: float(2, 2) });
    const [problem, ...others] = unsupportedInGraphModel(graph);
    expect(others).toEqual([]);
    expect(problem).toBe(
      `more than ${maximumNodes} nodes once its scans (9000 steps) are unrolled; write it as ONNX, where a scan ` +
        'stays a loop',
    );
  });
});
