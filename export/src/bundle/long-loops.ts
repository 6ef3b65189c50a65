import type { Bundle, HostTensor, ProgramSignature, Sampler, StreamPart } from '@generatrix/runtime';
import type { Graph } from '../graph/ir.ts';

/**
 * Steps of loops from which a program is not run eagerly: each costs tens of kernels at some 20 us in tfjs, so that a
 * second of sound would take minutes.
 */
const longLoop = 1000;

/** Steps that all loops of a program take, loops within loops included. */
export function loopSteps(graph: Graph): number {
  return graph.nodes.reduce(
    (sum, node) => (node.op === 'scan' ? sum + node.length * (1 + loopSteps(node.body)) : sum),
    0,
  );
}

/**
 * Whether a program's outputs may be taken from the program that draws the same examples part by part, whose single
 * parts are short enough to be checked against tfjs.
 */
export function followsStream(
  name: string,
  graph: Graph,
  programs: Readonly<Record<string, { readonly signature: ProgramSignature }>>,
): boolean {
  const streams = programs.advance?.signature.stream !== undefined;
  return streams && (name === 'sample' || name === 'complete') && loopSteps(graph) > longLoop;
}

/**
 * What `sample` or `complete` should return for the inputs of the reference run: the parts that `advance` draws.
 * @param inputs those of `referenceInputs`
 */
export async function streamedReference(
  name: string,
  { bundle, sampler }: { readonly bundle: Bundle; readonly sampler: Sampler },
  inputs: Readonly<Record<string, HostTensor>>,
  seed: number,
): Promise<Record<string, HostTensor>> {
  const entry = bundle.program(name);
  const ofRole = (role: string) =>
    Object.keys(entry.inputs).filter((input) => entry.inputs[input]!.role === role);
  const [given] = ofRole('data');
  const known = ['rows', 'samples'].find((input) => input in inputs);
  const [label] = ofRole('label');
  const [noise] = ofRole('noise');
  const count = inputs[noise!]!.shape[0]!;
  const scalars = ofRole('scalar').filter((input) => input !== known);
  let last: StreamPart | undefined;
  const parts = sampler.stream({
    count,
    seed,
    ...(label === undefined ? {} : { label: inputs[label]!.data as Int32Array }),
    ...(given === undefined ? {} : { given: { data: inputs[given]!, known: inputs[known!]!.data[0]! } }),
    ...Object.fromEntries(scalars.map((input) => [input, inputs[input]!.data[0]!])),
  });
  for await (const part of parts) last = part;
  return { data: last!.soFar };
}
