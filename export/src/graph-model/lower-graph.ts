import type { Graph, Node, ScanNode, Value } from '../graph/ir.ts';
import type { KernelName } from '../kernels/names.ts';
import { at } from '../trace/errors.ts';
import { type Emitter, maximumNodes, TooManyNodes } from './emitter.ts';
import { type GraphModelLowering, NotInGraphModel, refuse } from './lowering.ts';
import { attr } from './node-def.ts';
import { graphModelLowerings } from './table.ts';

/**
 * Emits a whole graph: placeholders, nodes, one identity per output.
 * @returns the names of the nodes at its ends, and why it cannot be written: one line per reason, none when it was.
 */
export function lowerGraph(graph: Graph, emitter: Emitter): { ports: GraphModelPorts; problems: string[] } {
  const lowering = new GraphLowering(emitter);
  const ports: GraphModelPorts = { inputs: [], outputs: [] };
  try {
    for (const port of graph.inputs) {
      const tensor = emitter.placeholder(port);
      ports.inputs.push(tensor);
      lowering.bind(port.value, tensor);
    }
    lowering.nodes(graph.nodes);
    for (const { name, value } of graph.outputs)
      ports.outputs.push(emitter.output(name, lowering.name(value)));
  } catch (error) {
    if (!(error instanceof TooManyNodes)) throw error;
    lowering.problems.add(
      `more than ${maximumNodes} nodes once ${describeScans(graph)}; write it as ONNX, where a scan stays a loop`,
    );
  }
  return { ports, problems: [...lowering.problems] };
}

/** Names of the nodes that stand for the graph's inputs and outputs, in their order. */
export interface GraphModelPorts {
  readonly inputs: string[];
  readonly outputs: string[];
}

class GraphLowering {
  readonly problems = new Set<string>();
  readonly #emitter: Emitter;
  readonly #names = new Map<Value, string>();

  constructor(emitter: Emitter) {
    this.#emitter = emitter;
  }

  bind(value: Value, name: string): void {
    this.#names.set(value, name);
  }

  name(value: Value): string {
    return this.#names.get(value)!;
  }

  nodes(nodes: readonly Node[]): void {
    for (const node of nodes) {
      const names = this.#attempt(node);
      for (const [i, value] of node.outputs.entries()) this.bind(value, names[i] ?? '');
    }
  }

  /** Goes on after a refusal, so that one report lists all of them. */
  #attempt(node: Node): readonly string[] {
    try {
      return this.#node(node);
    } catch (error) {
      if (!(error instanceof NotInGraphModel)) throw error;
      const what = node.op === 'kernel' ? node.kernel : node.op;
      this.problems.add(`${what}${at(node.where)}: ${error.message}`);
      return [];
    }
  }

  #node(node: Node): readonly string[] {
    switch (node.op) {
      case 'constant': {
        const { dtype, shape } = node.outputs[0]!;
        return [this.#emitter.constant(dtype, shape as readonly number[], node.data)];
      }
      case 'splat': {
        const { dtype, shape } = node.outputs[0]!;
        return [this.#emitter.fill(dtype, shape, node.value)];
      }
      case 'scan':
        return this.#scan(node);
      case 'kernel': {
        // The table's entry for a kernel takes that kernel's nodes; TypeScript cannot correlate the two unions.
        const lowering = graphModelLowerings[node.kernel] as GraphModelLowering<KernelName>;
        return lowering(
          this.#emitter,
          node,
          node.inputs.map((value) => this.name(value)),
        );
      }
    }
  }

  /** Unrolls a loop: its body once per step, on one slice of each sequence. */
  #scan({ inputs, length, carries, sequences, reversed, body }: ScanNode): readonly string[] {
    if (length === 0) refuse('a scan of no steps');
    const names = inputs.map((value) => this.name(value));
    const unpack = { axis: attr.int(0), num: attr.int(length) };
    const slices = names
      .slice(carries, carries + sequences)
      .map((name) => this.#emitter.ops('Unpack', [name], unpack, length));
    const captures = names.slice(carries + sequences);
    let carried = names.slice(0, carries);
    const results: string[][] = body.outputs.slice(carries).map(() => []);
    for (let turn = 0; turn < length; turn++) {
      const step = reversed ? length - 1 - turn : turn;
      const bound = [...carried, ...slices.map((slice) => slice[step]!), ...captures];
      for (const [i, { value }] of body.inputs.entries()) this.bind(value, bound[i]!);
      this.nodes(body.nodes);
      const outputs = body.outputs.map(({ value }) => this.name(value));
      carried = outputs.slice(0, carries);
      for (const [i, result] of results.entries()) result[step] = outputs[carries + i]!;
    }
    const stack = { axis: attr.int(0), N: attr.int(length) };
    return [...carried, ...results.map((result) => this.#emitter.op('Pack', result, stack))];
  }
}

function describeScans(graph: Graph): string {
  const scans = graph.nodes.filter((node) => node.op === 'scan');
  if (scans.length === 0) return 'its kernels are written as TensorFlow ops';
  return `its scans (${scans.map(({ length }) => `${length} steps`).join(', ')}) are unrolled`;
}
