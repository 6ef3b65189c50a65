import { nodeName } from './check.ts';
import { type Graph, type Node, printDim, type Value } from './ir.ts';

/**
 * A graph as text, the same for the same program whatever was traced before it: values are numbered in the order
 * of their definition, inputs and outputs keep their names, long constants show their count and a checksum.
 */
export function printGraph(graph: Graph): string {
  return printLines(graph, new Map()).join('\n');
}

function printLines(graph: Graph, outer: Map<Value, string>): string[] {
  const names = new Map(outer);
  for (const { name, value } of graph.inputs) names.set(value, name);
  let next = 0;
  const typed = (value: Value) =>
    `${names.get(value)}: ${value.dtype}[${value.shape.map(printDim).join(',')}]`;
  const lines = [`graph(${graph.inputs.map(({ value }) => typed(value)).join(', ')}) {`];
  for (const node of graph.nodes) {
    for (const output of node.outputs) names.set(output, `%${next++}`);
    const left = node.outputs.map(typed).join(', ');
    const args = node.inputs.map((input) => names.get(input)).join(', ');
    lines.push(`  ${left} = ${nodeName(node)}(${args})${details(node)}`);
    if (node.op === 'scan') lines.push(...printLines(node.body, names).map((line) => `    ${line}`));
  }
  const returned = graph.outputs.map(({ name, value }) => `${name} = ${names.get(value)}`);
  lines.push(`  return ${returned.join(', ')}`, '}');
  return lines;
}

function details(node: Node): string {
  switch (node.op) {
    case 'constant':
      return node.data.length <= 8 ? ` {${[...node.data].join(', ')}}` : ` {checksum ${checksum(node.data)}}`;
    case 'splat':
      return ` {${node.value}}`;
    case 'scan':
      return ` {length ${node.length}, carries ${node.carries}, sequences ${node.sequences}${node.reversed ? ', reversed' : ''}}`;
    case 'kernel': {
      const entries = Object.entries(node.attrs as object).filter(([, value]) => value !== undefined);
      const text = entries.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(', ');
      return text === '' ? '' : ` {${text}}`;
    }
  }
}

/** FNV-1a over the bytes: tells constants apart in text, not a hash to rely on. */
function checksum(data: ArrayBufferView): string {
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
