import { describe, expect, it } from 'vitest';
import { checkGraph } from './check.ts';
import type { Graph, Value } from './ir.ts';

const value = (id: number): Value => ({ id, dtype: 'float32', shape: [2] });
const [a, b] = [value(0), value(1)];
const relu = (x: Value, y: Value) =>
  ({ op: 'kernel', kernel: 'Relu', attrs: {}, inputs: [x], outputs: [y], where: '' }) as const;

describe('checkGraph', () => {
  it('accepts a graph that is well formed', () => {
    const graph: Graph = {
      inputs: [{ name: 'a', value: a }],
      outputs: [{ name: 'b', value: b }],
      nodes: [relu(a, b)],
    };
    expect(() => checkGraph(graph, 'test')).not.toThrow();
  });

  it.each<[string, Graph, RegExp]>([
    ['a use before definition', { inputs: [], outputs: [], nodes: [relu(a, b)] }, /Relu uses value 0 before/],
    [
      'an output never computed',
      { inputs: [], outputs: [{ name: 'b', value: b }], nodes: [] },
      /'b' is never computed/,
    ],
    [
      'a value defined twice',
      { inputs: [{ name: 'a', value: a }], outputs: [], nodes: [relu(a, b), relu(a, b)] },
      /value 1 defined twice/,
    ],
    [
      'ports that share a name',
      {
        inputs: [
          { name: 'a', value: a },
          { name: 'a', value: b },
        ],
        outputs: [],
        nodes: [],
      },
      /share a name/,
    ],
    [
      'a constant of the wrong size',
      {
        inputs: [],
        outputs: [],
        nodes: [{ op: 'constant', inputs: [], outputs: [a], data: new Float32Array(3), where: '' }],
      },
      /holds 3 values/,
    ],
  ])('refuses %s', (_, graph, message) => {
    expect(() => checkGraph(graph, 'test')).toThrow(message);
  });
});
