import type { Graph, Node, Port, ScanNode, Value } from '../graph/ir.ts';
import type { KernelName } from '../kernels/names.ts';
import { removeDeadNodes } from './dead.ts';
import { type ElementwiseGroup, elementwiseGroups } from './elementwise-groups.ts';
import { largestId } from './largest-id.ts';
import { deeply } from './rewrite.ts';

/**
 * Elements of a piece at most: a dozen tensors of this size stay in a processor's second cache (2 MiB), and the loop
 * around them costs little. Measured on Adam's update of a million parameters: 16 to 32 thousand are best.
 */
const longestPiece = 32_768;
/** Tensors up to this stay in the cache from operation to operation as they are. */
const largestWhole = 131_072;
/** Smaller pieces are more loop than work. */
const shortestPiece = 4096;
/** Operations that read large tensors several times: for fewer the loop does not pay. */
const fewestOperations = 4;

/**
 * What a training loop does element by element to the state it carries (an optimizer's update, a running mean) is done
 * piece by piece, by a loop inside: all operations on the first thousands of elements, then all on the next. One after
 * another over whole tensors they would fetch every tensor from memory as often as there are operations. Only operations
 * that are rounded correctly are moved, so the results are the same bits. The state goes into the loop, through it and out of it
 * as [pieces, elements], the same numbers in the same order: a reshape of what a program returns is a copy.
 *
 * For processors alone: a GPU has its own way to spread such work.
 */
export function piecewise(graph: Graph): Graph {
  let next = 1 + largestId(graph);
  const fresh = (shape: readonly number[]): Value => ({ id: next++, dtype: 'float32', shape });
  // Values of the graph that have become [pieces, elements].
  const ports = new Map<Value, Value>();
  const [given, returned] = [graph.inputs, graph.outputs].map(
    (all) => new Set(all.map(({ value }) => value)),
  );
  const nodes = graph.nodes.map((node) => {
    if (node.op !== 'scan') return node;
    const carried = (i: number) => given!.has(node.inputs[i]!) && returned!.has(node.outputs[i]!);
    return loopInPieces(node, fresh, carried, ports);
  });
  const inPieces = (port: Port) => ({ ...port, value: ports.get(port.value) ?? port.value });
  const cut = { inputs: graph.inputs.map(inPieces), outputs: graph.outputs.map(inPieces), nodes };
  return deeply(cut, removeDeadNodes);
}

type Fresh = (shape: readonly number[]) => Value;

/**
 * @param open is the carry an input of the program and its last value an output, so that the program may take and return
 *   it in pieces?
 * @param ports what the loop takes and returns in pieces is added
 */
function loopInPieces(
  loop: ScanNode,
  fresh: Fresh,
  open: (carry: number) => boolean,
  ports: Map<Value, Value>,
): ScanNode {
  const { body, carries } = loop;
  const before = body.inputs.slice(0, carries).map(({ value }) => value);
  const after = body.outputs.slice(0, carries).map(({ value }) => value);
  const state = new Set([...before, ...after]);
  const groups = elementwiseGroups(body).filter(
    (group) =>
      group.nodes.length >= fewestOperations &&
      piecesOf(group.size) !== null &&
      !fuses(body, group) &&
      [...group.inputs, ...group.outputs].some((value) => state.has(value)),
  );
  const computed = new Set(groups.flatMap(({ outputs }) => outputs));
  const recut = after.map((value, carry) => computed.has(value) && open(carry));
  const cuts = new Map<Value, Value>();
  const nodes: Node[] = [];
  const inputs = body.inputs.map((port, i) => {
    if (!recut[i]) return port;
    const cut = fresh(piecesOf(sizeOf(port.value))!);
    cuts.set(port.value, cut);
    nodes.push(reshape(cut, port.value));
    return { ...port, value: cut };
  });
  for (const entry of ordered(body, groups)) {
    if ('op' in entry) nodes.push(entry);
    else nodes.push(...groupInPieces(entry, cuts, fresh));
  }
  const outputs = body.outputs.map((port, i) =>
    recut[i] ? { ...port, value: cuts.get(port.value)! } : port,
  );
  const outside = (values: readonly Value[]) =>
    values.map((value, i) => {
      if (!recut[i]) return value;
      const cut = fresh(piecesOf(sizeOf(value))!);
      ports.set(value, cut);
      return cut;
    });
  return {
    ...loop,
    inputs: outside(loop.inputs),
    outputs: outside(loop.outputs),
    body: { inputs, outputs, nodes },
  };
}

/**
 * Would onnxruntime join an operation of the group with what is computed before it, and round otherwise? It makes a / s
 * of a * (1 / s), and one product of a matrix product and what is added to it or multiplies it; not across the border
 * of a loop.
 */
function fuses(body: Graph, { nodes, inputs, scalars }: ElementwiseGroup): boolean {
  const before = new Set([...inputs, ...scalars]);
  const makers = body.nodes.filter(({ outputs }) => before.has(outputs[0]!));
  const ones = new Set(body.nodes.filter(isOne).flatMap(({ outputs }) => outputs));
  return makers.some((maker) => {
    if (maker.op !== 'kernel') return false;
    const read = nodes.filter((node) => node.inputs.includes(maker.outputs[0]!));
    if (maker.kernel === 'RealDiv')
      return ones.has(maker.inputs[0]!) && read.some(({ kernel }) => kernel === 'Multiply');
    if (maker.kernel !== 'BatchMatMul' || maker.attrs.transposeA || maker.attrs.transposeB) return false;
    return read.some(({ kernel }) => kernel !== 'Square');
  });
}

function isOne(node: Node): boolean {
  if (node.op === 'splat') return node.value === 1;
  return node.op === 'constant' && node.data.length === 1 && node.data[0] === 1;
}

/**
 * A loop over pieces in place of a group's operations, and reshapes around it.
 * @param cuts the values that are there in pieces already; the group's own are added
 */
function groupInPieces(group: ElementwiseGroup, cuts: Map<Value, Value>, fresh: Fresh): readonly Node[] {
  const [pieces, elements] = piecesOf(group.size)!;
  const nodes: Node[] = [];
  const sequences = group.inputs.map((value) => {
    const known = cuts.get(value);
    if (known !== undefined) return known;
    const cut = fresh([pieces, elements]);
    cuts.set(value, cut);
    nodes.push(reshape(value, cut));
    return cut;
  });
  const inside = new Map<Value, Value>();
  const piece = (value: Value) => {
    const made = fresh([elements]);
    inside.set(value, made);
    return made;
  };
  const scalar = (value: Value) => {
    const made = fresh([]);
    inside.set(value, made);
    return made;
  };
  const inputs = [
    ...group.inputs.map((value, i) => ({ name: `in${i}`, value: piece(value) })),
    ...group.scalars.map((value, i) => ({ name: `scalar${i}`, value: scalar(value) })),
  ];
  const body = group.nodes.map((node) => {
    const read = node.inputs.map((value) => inside.get(value)!);
    return { ...node, inputs: read, outputs: [piece(node.outputs[0]!)] };
  });
  const outputs = group.outputs.map((value, i) => ({ name: `out${i}`, value: inside.get(value)! }));
  const results = group.outputs.map((value) => {
    const cut = fresh([pieces, elements]);
    cuts.set(value, cut);
    return cut;
  });
  nodes.push({
    op: 'scan',
    inputs: [...sequences, ...group.scalars],
    outputs: results,
    length: pieces,
    carries: 0,
    sequences: sequences.length,
    reversed: false,
    body: { inputs, outputs, nodes: body },
    where: '',
  });
  nodes.push(...group.outputs.map((value, i) => reshape(results[i]!, value)));
  return nodes;
}

/** The nodes of a graph with each group in one place, after all that it reads and before all that reads it. */
function ordered({ nodes }: Graph, groups: readonly ElementwiseGroup[]): (Node | ElementwiseGroup)[] {
  const groupOf = new Map<Node, ElementwiseGroup>();
  for (const group of groups) for (const node of group.nodes) groupOf.set(node, group);
  const makers = new Map<Value, Node>();
  for (const node of nodes) for (const output of node.outputs) makers.set(output, node);
  const placed = new Set<Node | ElementwiseGroup>();
  const order: (Node | ElementwiseGroup)[] = [];
  const place = (node: Node) => {
    const entry = groupOf.get(node) ?? node;
    if (placed.has(entry)) return;
    placed.add(entry);
    const read = 'op' in entry ? entry.inputs : [...entry.inputs, ...entry.scalars];
    for (const value of read) {
      const maker = makers.get(value);
      if (maker !== undefined) place(maker);
    }
    order.push(entry);
  };
  for (const node of nodes) place(node);
  return order;
}

/** [pieces, elements of each] for a tensor of this size, null where it is not worth it or does not come out even. */
function piecesOf(size: number): [number, number] | null {
  if (size <= largestWhole) return null;
  for (let pieces = Math.ceil(size / longestPiece); pieces <= size / shortestPiece; pieces++)
    if (size % pieces === 0) return [pieces, size / pieces];
  return null;
}

function reshape(from: Value, to: Value): Node {
  const attrs = { shape: to.shape as number[] };
  return {
    op: 'kernel',
    kernel: 'Reshape' satisfies KernelName,
    attrs,
    inputs: [from],
    outputs: [to],
    where: '',
  };
}

function sizeOf({ shape }: Value): number {
  return (shape as number[]).reduce((product, length) => product * length, 1);
}
