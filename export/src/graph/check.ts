import { type Graph, type Node, printDim, type Value } from './ir.ts';

/**
 * Checks that a graph is well formed: every value is defined exactly once and before its use, ports have distinct
 * names, constants hold as many values as their shape, scans have the arity they state and bodies that are well
 * formed themselves. Run after every rewrite.
 * @throws naming the node and the value that is wrong.
 */
export function checkGraph(graph: Graph, stage: string): void {
  const defined = new Set<Value>();
  const fail = (message: string) => {
    throw new Error(`graph malformed after ${stage}: ${message}`);
  };
  const define = (value: Value, by: string) => {
    if (defined.has(value)) fail(`value ${value.id} defined twice, again by ${by}`);
    defined.add(value);
  };
  for (const ports of [graph.inputs, graph.outputs]) {
    const names = new Set(ports.map(({ name }) => name));
    if (names.size !== ports.length) fail(`ports share a name: ${ports.map(({ name }) => name).join(', ')}`);
  }
  for (const { name, value } of graph.inputs) define(value, `input '${name}'`);
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (!defined.has(input)) fail(`${nodeName(node)} uses value ${input.id} before it is defined`);
    }
    checkNode(node, stage, fail);
    for (const output of node.outputs) define(output, nodeName(node));
  }
  for (const { name, value } of graph.outputs) {
    if (!defined.has(value)) fail(`output '${name}' is never computed`);
  }
}

function checkNode(node: Node, stage: string, fail: (message: string) => void): void {
  if (node.op === 'constant') {
    const size = node.outputs[0]!.shape.reduce<number>((n, dim) => n * (dim as number), 1);
    if (size !== node.data.length) {
      fail(`constant of shape [${node.outputs[0]!.shape.map(printDim)}] holds ${node.data.length} values`);
    }
  }
  if (node.op === 'scan') {
    checkGraph(node.body, stage);
    if (node.body.inputs.length !== node.inputs.length) fail('scan body takes other inputs than the scan');
    if (node.body.outputs.length !== node.outputs.length)
      fail('scan body returns other outputs than the scan');
  }
}

/** What a node is, for messages: the kernel's name, or `constant`, `splat`, `scan`. */
export function nodeName(node: Node): string {
  return node.op === 'kernel' ? node.kernel : node.op;
}
