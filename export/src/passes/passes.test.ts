import { beforeAll, describe, expect, it } from 'vitest';
import type { Graph, Node } from '../graph/ir.ts';
import { tf } from '../tf.ts';
import { scan } from '../trace/scan.ts';
import { record, trace } from '../trace/trace.ts';
import { shareCommonNodes } from './common.ts';
import { removeDeadNodes } from './dead.ts';
import { foldConstants } from './fold.ts';
import { removeIdentities } from './identities.ts';
import { removeNoOps } from './no-ops.ts';

const x = { x: { dtype: 'float32', shape: [2, 3] } } as const;
const names = (graph: Graph) =>
  graph.nodes.map((node: Node) => (node.op === 'kernel' ? node.kernel : node.op));

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('passes', () => {
  it('removeNoOps keeps what changes shape or type', () => {
    const graph = record(
      ({ x }) => ({ y: tf.reshape(tf.cast(tf.tile(tf.clone(x!), [1, 1]), 'float32'), [3, 2]) }),
      x,
    );
    expect(names(removeNoOps(graph))).toEqual(['Reshape']);
  });

  it('removeNoOps drops a transposition, slice, padding, tiling, cast or copy only where nothing moves', () => {
    const kept = (fn: (x: tf.Tensor) => tf.Tensor) =>
      names(removeNoOps(record(({ x }) => ({ y: fn(x!) }), x)));
    expect(kept((x) => tf.transpose(x, [0, 1]))).toEqual([]);
    expect(kept((x) => tf.transpose(x, [1, 0]))).toEqual(['Transpose']);
    expect(kept((x) => tf.slice(x, [0, 0], [2, 3]))).toEqual([]);
    expect(kept((x) => tf.slice(x, [0, 1], [2, 2]))).toEqual(['Slice']);
    expect(
      kept((x) =>
        tf.pad(x, [
          [0, 0],
          [0, 1],
        ]),
      ),
    ).toEqual(['PadV2']);
    expect(kept((x) => tf.tile(x, [1, 2]))).toEqual(['Tile']);
    expect(kept((x) => tf.cast(x, 'int32'))).toEqual(['Cast']);
  });

  it('removeIdentities drops factors of one, but not one that broadens its partner', () => {
    const graph = record(({ x }) => ({ y: tf.mul(tf.mul(x!, tf.ones([2, 3])), tf.ones([4, 2, 3])) }), x);
    expect(names(removeDeadNodes(removeIdentities(foldConstants(graph))))).toEqual(['splat', 'Multiply']);
    const scaled = record(({ x }) => ({ y: tf.div(tf.mul(1, x!), tf.scalar(1)) }), x);
    expect(names(removeDeadNodes(removeIdentities(scaled)))).toEqual([]);
  });

  it('shareCommonNodes tells apart attributes, types and the sign of zero', () => {
    const graph = record(
      ({ x }) => ({
        a: tf.add(tf.sum(x!, 0), tf.sum(x!, 0)),
        b: tf.sum(x!, 1),
        c: tf.div(x!, tf.scalar(0)),
        d: tf.div(x!, tf.scalar(-0)),
      }),
      x,
    );
    const shared = names(shareCommonNodes(graph));
    expect(shared.filter((name) => name === 'Sum')).toHaveLength(2);
    expect(shared.filter((name) => name === 'RealDiv')).toHaveLength(2);
  });

  it('removeDeadNodes reaches into scans and drops captures in vain', () => {
    const graph = trace(
      ({ x, w }) =>
        scan({
          carries: { h: tf.zeros([3]) },
          sequences: { x: x! },
          body: ({ h }, { x: slice }) => {
            tf.mul(slice!, w!); // unused, and the only use of w
            return { carries: { h: tf.add(h!, slice!) } };
          },
        }).carries,
      { ...x, w: { dtype: 'float32', shape: [] } },
    );
    const loop = graph.nodes.find((node) => node.op === 'scan');
    expect(loop?.inputs).toHaveLength(2);
    expect(loop?.op === 'scan' && names(loop.body)).toEqual(['Add']);
  });
});
