import { type AnyKernelNode, type Graph, isSymbolic, type Node, type Value } from '../graph/ir.ts';
import type { KernelName } from '../kernels/names.ts';
import { sameShape } from './no-ops.ts';

/** Kernels whose result at a place depends on their operands there alone, and is rounded correctly by every runtime. */
const exact: ReadonlySet<KernelName> = new Set([
  'Abs',
  'Add',
  'AddN',
  'Maximum',
  'Minimum',
  'Multiply',
  'Neg',
  'RealDiv',
  'Sqrt',
  'Square',
  'Sub',
] satisfies KernelName[]);

/** Operations on tensors of one shape that can all be done for a part of the elements before the next part. */
export interface ElementwiseGroup {
  /** In an order that can be computed. Operands are values of the group, its inputs and scalars. */
  readonly nodes: readonly AnyKernelNode[];
  /** Elements of its tensors. */
  readonly size: number;
  /** Tensors of its shape that it reads. */
  readonly inputs: readonly Value[];
  /** Tensors of rank 0 that it reads. */
  readonly scalars: readonly Value[];
  /** Its results that others read. */
  readonly outputs: readonly Value[];
}

/**
 * The connected groups of exact elementwise operations of a graph. No path leads out of a group and back into it, so
 * that each can be done in one place.
 */
export function elementwiseGroups(graph: Graph): readonly ElementwiseGroup[] {
  const members = graph.nodes.filter(isElementwise);
  const levels = levelsOf(graph, new Set<Node>(members));
  const groupOf = new Map<AnyKernelNode, AnyKernelNode[]>();
  const makers = new Map<Value, AnyKernelNode>(members.map((node) => [node.outputs[0]!, node]));
  for (const node of members) {
    let own: AnyKernelNode[] = [node];
    groupOf.set(node, own);
    for (const input of node.inputs) {
      const maker = makers.get(input);
      if (maker === undefined || levels.get(maker) !== levels.get(node)) continue;
      const other = groupOf.get(maker)!;
      if (other === own) continue;
      own = [...other, ...own];
      for (const each of own) groupOf.set(each, own);
    }
  }
  const order = new Map(graph.nodes.map((node, i) => [node as Node, i]));
  const users = usersOf(graph);
  return [...new Set(groupOf.values())].map((nodes) => {
    const sorted = nodes.toSorted((a, b) => order.get(a)! - order.get(b)!);
    const inside = new Set<Node>(sorted);
    const made = new Set(sorted.map((node) => node.outputs[0]!));
    const read = [...new Set(sorted.flatMap(({ inputs }) => inputs))].filter((value) => !made.has(value));
    const left = new Set(graph.outputs.map(({ value }) => value));
    return {
      nodes: sorted,
      size: (sorted[0]!.outputs[0]!.shape as number[]).reduce((product, length) => product * length, 1),
      inputs: read.filter(({ shape }) => shape.length > 0),
      scalars: read.filter(({ shape }) => shape.length === 0),
      outputs: [...made].filter(
        (value) => left.has(value) || (users.get(value) ?? []).some((user) => !inside.has(user)),
      ),
    };
  });
}

function isElementwise(node: Node): node is AnyKernelNode {
  if (node.op !== 'kernel' || !exact.has(node.kernel)) return false;
  const [output] = node.outputs as [Value];
  if (output.shape.length === 0 || output.shape.some(isSymbolic)) return false;
  return [output, ...node.inputs].every(
    ({ dtype, shape }) => dtype === 'float32' && (shape.length === 0 || sameShape(shape, output.shape)),
  );
}

/**
 * A number for each of the nodes so that a path from one to another through nodes that are not among them makes the
 * number larger: those of one number can be done together. What is only read by nodes of one number takes that, as late
 * as can be.
 */
function levelsOf(graph: Graph, members: ReadonlySet<Node>): ReadonlyMap<Node, number> {
  const levels = new Map<Node, number>();
  const reached = new Map<Value, number>();
  const makers = new Map<Value, Node>();
  for (const node of graph.nodes) {
    const member = members.has(node);
    const level = node.inputs.reduce((most, input) => {
      const maker = makers.get(input);
      const step = !member && maker !== undefined && members.has(maker) ? 1 : 0;
      return Math.max(most, (reached.get(input) ?? 0) + step);
    }, 0);
    levels.set(node, level);
    for (const output of node.outputs) {
      reached.set(output, level);
      makers.set(output, node);
    }
  }
  const users = usersOf(graph);
  const left = new Set(graph.outputs.map(({ value }) => value));
  for (const node of graph.nodes.toReversed()) {
    const [output] = node.outputs;
    const readers = users.get(output!) ?? [];
    if (!members.has(node) || left.has(output!) || readers.length === 0) continue;
    const [later] = readers.map((reader) => levels.get(reader)!);
    const together = readers.every(
      (reader) => members.has(reader) && levels.get(reader) === later && alike(reader, node),
    );
    if (together) levels.set(node, later!);
  }
  return levels;
}

function alike(a: Node, b: Node): boolean {
  return sameShape(a.outputs[0]!.shape, b.outputs[0]!.shape);
}

function usersOf(graph: Graph): ReadonlyMap<Value, readonly Node[]> {
  const users = new Map<Value, Node[]>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      const known = users.get(input);
      if (known === undefined) users.set(input, [node]);
      else known.push(node);
    }
  }
  return users;
}
