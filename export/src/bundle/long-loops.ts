import {
  type Bundle,
  downloadAll,
  fillInputs,
  type HostTensor,
  hostTensor,
  type LoadedProgram,
  nextCarries,
  type ProgramSignature,
  sizeOf,
} from '@generatrix/runtime';
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

/** A call of `advance`: its inputs, and what it returned. */
export interface Chunk {
  readonly inputs: Record<string, HostTensor>;
  readonly outputs: Record<string, HostTensor>;
}

/**
 * The calls of `advance` that draw, part by part, what `sample` or `complete` draws from its inputs: the same noise in
 * parts, the carries handed on.
 * @param inputs of `sample` or `complete`, with the noise of whole examples
 */
export async function* chunks(
  bundle: Bundle,
  advance: LoadedProgram,
  inputs: Readonly<Record<string, HostTensor>>,
): AsyncGenerator<Chunk, void, undefined> {
  const entry = bundle.program('advance');
  const specs = Object.entries(entry.inputs);
  const length = Object.values(entry.outputs).find(({ meaning }) => meaning === 'data')!.shape[0]!;
  const count = Object.values(inputs).find(({ shape }) => shape.length > 0)!.shape[0]!;
  const known = ['rows', 'samples'].find((name) => name in inputs);
  const start = fillInputs('advance', entry.inputs, {
    ...{ seed: 0, firstIndex: 0, count },
    data: part(inputs.given ?? zeros([count, ...bundle.manifest.data.shape]), entry.inputs.given, 0),
    labels: inputs.label?.data as Int32Array | undefined,
  });
  let carries: Record<string, HostTensor> = {};
  for (let index = 0; index < entry.stream!.chunks; index++) {
    const own = specs.flatMap(([name, spec]) => {
      const whole = inputs[name];
      if (whole === undefined || spec.role === 'carry') return [];
      return [[name, spec.role === 'noise' || spec.role === 'data' ? part(whole, spec, index) : whole]];
    });
    const given = known === undefined ? 0 : inputs[known]!.data[0]! - index * length;
    const all: Record<string, HostTensor> = {
      ...start,
      ...(Object.fromEntries(own) as Record<string, HostTensor>),
      ...('known' in entry.inputs && {
        known: hostTensor('float32', [], [Math.max(0, Math.min(length, given))]),
      }),
      ...carries,
    };
    const outputs = await downloadAll(await advance.run(all));
    yield { inputs: all, outputs };
    carries = nextCarries(entry, outputs);
  }
}

/** The `index`-th part of a tensor [count, ...], of the size of a part's tensor, zeros past the end. */
export function part(
  whole: HostTensor,
  spec: { readonly shape: readonly number[] } | undefined,
  index: number,
): HostTensor {
  const shape = spec?.shape ?? [];
  const count = whole.shape[0]!;
  const [from, size] = [whole.data.length / count, sizeOf(shape)];
  const values = Float32Array.from({ length: count * size }, (_, i) => {
    const at = index * size + (i % size);
    return at < from ? whole.data[Math.floor(i / size) * from + at]! : 0;
  });
  return hostTensor('float32', [count, ...shape], values);
}

function zeros(shape: readonly number[]): HostTensor {
  return hostTensor('float32', shape, new Float32Array(sizeOf(shape)));
}

/**
 * What `sample` or `complete` should return: the parts that `advance` draws, one after the other.
 * @param inputs of `sample` or `complete`
 */
export async function streamedReference(
  bundle: Bundle,
  advance: LoadedProgram,
  inputs: Readonly<Record<string, HostTensor>>,
): Promise<Record<string, HostTensor>> {
  const parts: HostTensor[] = [];
  for await (const { outputs } of chunks(bundle, advance, inputs)) parts.push(outputs.data!);
  const { shape } = bundle.manifest.data;
  const count = parts[0]!.shape[0]!;
  const [whole, each] = [sizeOf(shape), parts[0]!.data.length / count];
  const values = Float32Array.from({ length: count * whole }, (_, i) => {
    const at = i % whole;
    return parts[Math.floor(at / each)]!.data[Math.floor(i / whole) * each + (at % each)]!;
  });
  return { data: hostTensor('float32', [count, ...shape], values) };
}
