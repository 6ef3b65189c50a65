import { nodeName } from '../graph/check.ts';
import {
  type ConstantNode,
  type Dim,
  type Graph,
  isSymbolic,
  type Node,
  type Place,
  type Port,
  printDim,
  type ScanNode,
  type Value,
} from '../graph/ir.ts';
import { at, TraceError } from './errors.ts';

/** Attributes that hold sizes and may therefore depend on the batch. */
const sizeAttributes: Record<string, readonly string[]> = {
  BroadcastTo: ['shape', 'inputShape'],
  Conv2DBackpropInput: ['inputShape'],
  DepthwiseConv2dNativeBackpropInput: ['inputShape'],
  Fill: ['shape'],
  Range: ['stop'],
  Reshape: ['shape'],
  Slice: ['begin', 'size'],
  StridedSlice: ['end'],
  Tile: ['reps'],
};

/** In what the traces differ that are compared: the batch size, or nothing. */
interface Comparison {
  /** The batch size of each trace; null where it is the same function at the same sizes. */
  readonly sizes: readonly number[] | null;
}

/**
 * One graph for every batch size out of traces of a function at several: the first two tell how each dimension
 * depends on the batch, the others must confirm it.
 * @throws TraceError where the function does something else at another batch size, or where a constant or attribute
 *   depends on the batch in a way that a program cannot express.
 */
export function mergeBatchSizes(graphs: readonly Graph[], sizes: readonly number[]): Graph {
  return mergeGraphs(graphs, { sizes });
}

/**
 * The graph of a function that was traced twice with the same inputs.
 * @throws TraceError where the traces differ.
 */
export function sameGraph(first: Graph, second: Graph): Graph {
  return mergeGraphs([first, second], { sizes: null });
}

/** Where the difference lies, and for a function that is not a function of its inputs what may be done. */
function differs(what: string, { sizes }: Comparison): TraceError {
  if (sizes !== null) return new TraceError(`${what} at batch sizes ${sizes.join(', ')}`);
  return new TraceError(
    `${what} when the same function is traced again: it depends on something that changes (Math.random, Date.now, ` +
      'a counter), which would be frozen into the program; make that an input, or compute it before',
  );
}

function mergeGraphs(graphs: readonly Graph[], how: Comparison): Graph {
  const [first] = graphs as readonly [Graph];
  const values = new Map<Value, Value>();
  const mergeValue = (variants: readonly Value[], what: Place): Value => {
    const [{ id, dtype, shape }] = variants as readonly [Value];
    if (variants.some((other) => other.dtype !== dtype || other.shape.length !== shape.length)) {
      const types = variants.map((other) => `${other.dtype} [${other.shape.map(printDim)}]`).join(', ');
      throw differs(`${what} gives ${types}`, how);
    }
    const merged = shape.map((_, axis) =>
      mergeNumbers(
        variants.map((other) => other.shape[axis] as number),
        what,
        how,
      ),
    );
    const value = { id, dtype, shape: merged };
    for (const variant of variants) values.set(variant, value);
    return value;
  };
  const inputs = first.inputs.map(
    ({ name }, i): Port => ({
      name,
      value: mergeValue(
        graphs.map((graph) => graph.inputs[i]!.value),
        `input '${name}'`,
      ),
    }),
  );
  const current = (value: Value) => values.get(value)!;
  const shortest = Math.min(...graphs.map(({ nodes }) => nodes.length));
  const nodes = first.nodes.slice(0, shortest).map((_, i) => {
    const variants = graphs.map(({ nodes }) => nodes[i]!);
    return mergeNode(variants, current, mergeValue, how);
  });
  const longest = graphs.find(({ nodes }) => nodes.length > shortest);
  if (longest !== undefined) {
    const extra = longest.nodes[shortest]!;
    throw differs(
      `the function runs ${graphs.map(({ nodes }) => nodes.length).join(', ')} ops, the first that is not in all of ` +
        `them ${nodeName(extra)}${at(extra.where)},`,
      how,
    );
  }
  return { inputs, outputs: mergeOutputs(graphs, current, how), nodes };
}

function mergeOutputs(
  graphs: readonly Graph[],
  current: (value: Value) => Value,
  how: Comparison,
): readonly Port[] {
  const [first] = graphs as readonly [Graph];
  for (const { outputs } of graphs) {
    const names = [first, { outputs }].map(({ outputs }) =>
      outputs.map(({ name }) => `'${name}'`).join(', '),
    );
    if (names[0] !== names[1]) throw differs(`the function returns ${names.join(', and ')}`, how);
  }
  return first.outputs.map(({ name, value }, i) => {
    const merged = current(value);
    if (graphs.some(({ outputs }) => current(outputs[i]!.value) !== merged)) {
      throw differs(`output '${name}' comes from different ops`, how);
    }
    return { name, value: merged };
  });
}

function mergeNode(
  variants: readonly Node[],
  current: (value: Value) => Value,
  mergeValue: (variants: readonly Value[], what: Place) => Value,
  how: Comparison,
): Node {
  const [node] = variants as readonly [Node];
  // In words only where something is wrong: places take long to find.
  const what = { toString: () => `${nodeName(node)}${at(node.where)}` };
  if (variants.some((other) => nodeName(other) !== nodeName(node))) {
    const places = variants.map((other) => `${nodeName(other)}${at(other.where)}`).join(', ');
    throw differs(`the function runs ${places} in the same place`, how);
  }
  const inputs = node.inputs.map(current);
  const rewired = variants.some(
    (other) =>
      other.inputs.length !== inputs.length ||
      other.outputs.length !== node.outputs.length ||
      other.inputs.some((input, i) => current(input) !== inputs[i]),
  );
  if (rewired) throw differs(`${what} is fed or used differently`, how);
  const outputs = node.outputs.map((_, i) =>
    mergeValue(
      variants.map(({ outputs }) => outputs[i]!),
      what,
    ),
  );
  switch (node.op) {
    case 'constant':
      return mergeConstants(variants as readonly ConstantNode[], outputs, how);
    case 'splat':
      return { ...node, inputs, outputs };
    case 'scan': {
      const scans = variants as readonly ScanNode[];
      if (scans.some(({ length }) => length !== node.length)) {
        throw differs(`scan: the number of steps is ${scans.map(({ length }) => length).join(', ')}`, how);
      }
      const body = mergeGraphs(
        scans.map(({ body }) => body),
        how,
      );
      return { ...node, inputs, outputs, body };
    }
    case 'kernel': {
      const attrs = variants.map((variant) => (variant as Node & { op: 'kernel' }).attrs as object);
      return { ...node, inputs, outputs, attrs: mergeAttributes(attrs, node.kernel, what, how) } as Node;
    }
  }
}

function mergeConstants(variants: readonly ConstantNode[], outputs: readonly Value[], how: Comparison): Node {
  const [node] = variants as readonly [ConstantNode];
  const symbolic = outputs[0]!.shape.some(isSymbolic);
  const [value] = node.data;
  const splat = variants.every(({ data }) => data.every((other) => Object.is(other, value)));
  if (symbolic && splat) return { op: 'splat', inputs: [], outputs, value: value!, where: node.where };
  const same = variants.every(
    ({ data }) => data === node.data || data.every((other, i) => Object.is(other, node.data[i])),
  );
  if (!symbolic && same) return { ...node, outputs };
  const what = `a constant of shape [${outputs[0]!.shape.map(printDim)}]${at(node.where)}`;
  if (how.sizes === null) throw differs(`${what} differs`, how);
  throw new TraceError(
    `${what} differs from trace to trace: it depends on the batch size or on Math.random; make it an input, or ` +
      'compute it with tensor ops',
  );
}

function mergeAttributes(variants: readonly object[], kernel: string, what: Place, how: Comparison): object {
  const sizes = sizeAttributes[kernel] ?? [];
  const [first] = variants as readonly [Record<string, unknown>];
  const entries = Object.entries(first).map(([key, value]) => {
    const values = variants.map((attrs) => (attrs as Record<string, unknown>)[key]);
    const texts = new Set(values.map((other) => JSON.stringify(other)));
    if (texts.size === 1) return [key, value];
    if (how.sizes === null) throw differs(`${what}: its ${key} is ${[...texts].join(', ')}`, how);
    if (!sizes.includes(key)) throw new TraceError(`${what}: its ${key} depends on the batch size`);
    const merged = Array.isArray(value)
      ? value.map((_, i) =>
          mergeNumbers(
            values.map((list) => (list as number[])[i]!),
            what,
            how,
          ),
        )
      : mergeNumbers(values as number[], what, how);
    return [key, merged];
  });
  return Object.fromEntries(entries);
}

/** The number, or how it depends on the batch size: scale * batch + offset. */
function mergeNumbers(numbers: readonly number[], what: Place, how: Comparison): Dim {
  const [a, b] = numbers as readonly [number, number];
  if (numbers.every((other) => other === a)) return a;
  const { sizes } = how;
  if (sizes === null) throw differs(`${what}: a size is ${numbers.join(', ')}`, how);
  const [sizeA, sizeB] = sizes as readonly [number, number];
  const scale = (b - a) / (sizeB - sizeA);
  const offset = a - scale * sizeA;
  if (!Number.isInteger(scale) || numbers.some((other, i) => scale * sizes[i]! + offset !== other)) {
    throw new TraceError(
      `${what}: a size is ${numbers.join(', ')} at batch sizes ${sizes.join(', ')}, which is not a multiple ` +
        'of the batch size plus a constant',
    );
  }
  return { scale, offset };
}
