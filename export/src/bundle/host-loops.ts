import { type HostTensor, hostTensor, sizeOf } from '@generatrix/runtime/core';
import { type Graph, isSymbolic, type Node, type Port, type ScanNode, type Value } from '../graph/ir.ts';
import { NameSource } from '../onnx/constants.ts';
import { simplify } from '../passes/simplify.ts';
import { unrollScans } from '../passes/unroll.ts';

/**
 * A program whose loops the caller runs, as JSON: parts to be run in order on named tensors, first the program's inputs.
 * The outputs of the last part are the program's.
 */
export interface HostPlan {
  readonly parts: readonly HostPart[];
}

/** Runs once, or for each step where it has `steps`; `program` counts the parts' programs. */
export interface HostPart {
  readonly program: number;
  /** Tensors that the part's program takes by their names in every run. */
  readonly inputs: readonly string[];
  /** Tensors that it adds; those of a loop are in `carries` and `stacks`. */
  readonly outputs: readonly string[];
  readonly loop?: HostLoop;
}

export interface HostLoop {
  readonly steps: number;
  /** From the last slices to the first. */
  readonly reversed: boolean;
  /** The program's `input` is the tensor `from` in the first step, then its `output`, which at last is the tensor `to`. */
  readonly carries: readonly { from: string; input: string; output: string; to: string }[];
  /** The program's `input` is, at each step, that step's entry of the tensor `from` along its first axis. */
  readonly slices: readonly { from: string; input: string }[];
  /** The program's `output` of all steps, in the order of the slices, along a new first axis, is the tensor `to`. */
  readonly stacks: readonly { output: string; to: string }[];
}

/** The programs of the parts, in order, and what to do with them. */
export interface HostProgram {
  readonly plan: HostPlan;
  readonly programs: readonly Graph[];
}

/**
 * Takes a program apart at its loops, for runtimes that have none, where the steps are too many to be unrolled: what
 * stands before, between and after loops are programs, and the body of each loop is one, for the caller to run step by
 * step. Loops within loops are unrolled.
 */
export function hostLoops(graph: Graph): HostProgram {
  const names = new NameSource([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  const known = new Map<Value, string>(graph.inputs.map(({ name, value }) => [value, name]));
  const nameOf = (value: Value) => {
    if (!known.has(value)) known.set(value, names.fresh('tensor'));
    return known.get(value)!;
  };
  const { segments, constants } = divide(graph);
  const programs: Graph[] = [];
  const parts: HostPart[] = [];
  for (const [i, segment] of segments.entries()) {
    const [program, loop] = Array.isArray(segment)
      ? [straightPart(segment, wantedAfter(segments, i, graph, nameOf), constants, nameOf)]
      : stepPart(segment as ScanNode, constants, names, nameOf);
    if (program.outputs.length === 0) continue;
    const inputs = withBatch(program, graph);
    parts.push({
      program: programs.length,
      inputs: inputs.map(({ name }) => name).filter((name) => !isOfStep(loop, name)),
      outputs: loop === undefined ? program.outputs.map(({ name }) => name) : [],
      ...(loop && { loop }),
    });
    programs.push(simplify(unrollScans({ ...program, inputs })));
  }
  return { plan: { parts }, programs };
}

const isOfStep = (loop: HostLoop | undefined, name: string) =>
  loop !== undefined && [...loop.carries, ...loop.slices].some(({ input }) => input === name);

type Segment = readonly Node[] | ScanNode;
type NameOf = (value: Value) => string;
type Constants = ReadonlyMap<Value, Node>;

/** The nodes between loops, and the loops, in turn; constants go to wherever they are used. */
function divide(graph: Graph): { segments: readonly Segment[]; constants: Constants } {
  const constants = new Map<Value, Node>();
  const segments: Segment[] = [];
  let nodes: Node[] = [];
  for (const node of graph.nodes) {
    if (node.op === 'constant' || node.op === 'splat') constants.set(node.outputs[0]!, node);
    else if (node.op !== 'scan') nodes.push(node);
    else {
      // What a loop starts from and walks is the caller's: a constant leaves the part before the loop.
      const walked = new Set(node.inputs.slice(0, node.carries + node.sequences));
      nodes.push(...[...walked].flatMap((value) => constants.get(value) ?? []));
      segments.push(nodes, node);
      nodes = [];
    }
  }
  segments.push(nodes);
  return { segments, constants };
}

/** What leaves a part between loops: the program's outputs the last, what others use any other. */
function wantedAfter(
  segments: readonly Segment[],
  at: number,
  graph: Graph,
  nameOf: NameOf,
): readonly Port[] {
  if (at === segments.length - 1) return graph.outputs;
  const used = new Set(graph.outputs.map(({ value }) => value));
  for (const segment of segments.slice(at + 1)) {
    const nodes = Array.isArray(segment) ? (segment as readonly Node[]) : [segment as ScanNode];
    for (const { inputs } of nodes) for (const input of inputs) used.add(input);
  }
  const made = new Set((segments[at] as readonly Node[]).flatMap(({ outputs }) => outputs));
  return [...made].filter((value) => used.has(value)).map((value) => ({ name: nameOf(value), value }));
}

function straightPart(
  nodes: readonly Node[],
  outputs: readonly Port[],
  constants: Constants,
  nameOf: NameOf,
): Graph {
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  const used = new Set([...nodes.flatMap(({ inputs }) => inputs), ...outputs.map(({ value }) => value)]);
  const outside = [...used].filter((value) => !made.has(value));
  const inputs = outside.filter((value) => !constants.has(value));
  return {
    inputs: inputs.map((value) => ({ name: nameOf(value), value })),
    nodes: [...outside.flatMap((value) => constants.get(value) ?? []), ...nodes],
    outputs,
  };
}

function stepPart(
  { body, inputs, outputs, carries, sequences, length, reversed }: ScanNode,
  constants: Constants,
  names: NameSource,
  nameOf: NameOf,
): [Graph, HostLoop] {
  const own = carries + sequences;
  const ports = body.inputs.map(({ value }, i) => ({
    name: i < carries ? names.fresh('carry') : i < own ? names.fresh('slice') : nameOf(inputs[i]!),
    value,
  }));
  const results = body.outputs.map(({ value }, i) => ({
    name: names.fresh(i < carries ? 'next' : 'each'),
    value,
  }));
  const isConstant = (i: number) => i >= own && constants.has(inputs[i]!);
  const held = ports.flatMap(({ value }, i) =>
    isConstant(i) ? [{ ...constants.get(inputs[i]!)!, outputs: [value] }] : [],
  );
  const loop = {
    steps: length,
    reversed,
    carries: ports.slice(0, carries).map(({ name }, i) => ({
      ...{ from: nameOf(inputs[i]!), input: name },
      ...{ output: results[i]!.name, to: nameOf(outputs[i]!) },
    })),
    slices: ports
      .slice(carries, own)
      .map(({ name }, i) => ({ from: nameOf(inputs[carries + i]!), input: name })),
    stacks: results
      .slice(carries)
      .map(({ name }, i) => ({ output: name, to: nameOf(outputs[carries + i]!) })),
  };
  const program = {
    inputs: ports.filter((_, i) => !isConstant(i)),
    nodes: [...held, ...body.nodes],
    outputs: results,
  };
  return [program, loop];
}

/** A part that makes tensors of the batch's size needs an input that has that size: the first of the program's. */
function withBatch(part: Graph, { inputs }: Graph): readonly Port[] {
  const hasBatch = ({ value }: Port) =>
    value.shape.some((dim) => isSymbolic(dim) && dim.scale === 1 && dim.offset === 0);
  const symbolic = part.nodes.some(({ outputs }) => outputs.some(({ shape }) => shape.some(isSymbolic)));
  if (!symbolic || part.inputs.some(hasBatch)) return part.inputs;
  const port = inputs.find(hasBatch);
  return port === undefined ? part.inputs : [...part.inputs, port];
}

/**
 * Runs a program that was taken apart.
 * @param run runs the program of a part, by its number
 * @returns the program's outputs
 */
export async function runHostPlan(
  { parts }: HostPlan,
  run: (program: number, inputs: Record<string, HostTensor>) => Promise<Record<string, HostTensor>>,
  inputs: Readonly<Record<string, HostTensor>>,
): Promise<Record<string, HostTensor>> {
  const tensors = new Map(Object.entries(inputs));
  let outputs: Record<string, HostTensor> = {};
  for (const { program, inputs: names, loop } of parts) {
    const given = names.map((name) => [name, tensors.get(name)!] as const);
    if (loop === undefined) outputs = await run(program, Object.fromEntries(given));
    else
      outputs = await runLoop(loop, tensors, (own) => run(program, { ...Object.fromEntries(given), ...own }));
    for (const [name, tensor] of Object.entries(outputs)) tensors.set(name, tensor);
  }
  return outputs;
}

async function runLoop(
  { steps, reversed, carries, slices, stacks }: HostLoop,
  tensors: ReadonlyMap<string, HostTensor>,
  step: (own: Record<string, HostTensor>) => Promise<Record<string, HostTensor>>,
): Promise<Record<string, HostTensor>> {
  let state = carries.map(({ from }) => tensors.get(from)!);
  const results = stacks.map((): HostTensor[] => []);
  for (let i = 0; i < steps; i++) {
    const at = reversed ? steps - 1 - i : i;
    const outputs = await step({
      ...Object.fromEntries(carries.map(({ input }, c) => [input, state[c]!])),
      ...Object.fromEntries(slices.map(({ from, input }) => [input, entry(tensors.get(from)!, at)])),
    });
    state = carries.map(({ output }) => outputs[output]!);
    for (const [s, { output }] of stacks.entries()) results[s]![at] = outputs[output]!;
  }
  return Object.fromEntries([
    ...carries.map(({ to }, c) => [to, state[c]!] as const),
    ...stacks.map(({ to }, s) => [to, stack(results[s]!)] as const),
  ]);
}

/** One entry of a tensor along its first axis. */
function entry({ dtype, shape, data }: HostTensor, at: number): HostTensor {
  const rest = shape.slice(1);
  const size = sizeOf(rest);
  return hostTensor(dtype, rest, data.slice(at * size, (at + 1) * size));
}

function stack(parts: readonly HostTensor[]): HostTensor {
  const [{ dtype, shape }] = parts as readonly [HostTensor];
  const values = parts.flatMap(({ data }) => [...data]);
  return hostTensor(dtype, [parts.length, ...shape], values);
}
