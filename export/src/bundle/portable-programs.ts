import {
  compareOutputs,
  decodeSafetensors,
  downloadAll,
  type Executor,
  type HostTensor,
  hostTensor,
  type LoadedProgram,
  type ProgramSignature,
  parityTolerance,
  sizeOf,
} from '@generatrix/runtime';
import type { Graph } from '../graph/ir.ts';
import { writeOnnx } from '../onnx/write.ts';
import { type HostPlan, hostLoops, runHostPlan } from './host-loops.ts';
import { type PortableOptions, portableGraph } from './portable.ts';

export interface PortableRequest {
  readonly options: PortableOptions;
  readonly graphs: Readonly<Record<string, Graph>>;
  readonly signatures: Readonly<Record<string, ProgramSignature>>;
  /** The bundle's reference values, as safetensors. */
  readonly reference: Uint8Array;
  readonly executor: Executor;
  /** Kept in the files. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A program's files by their names; the first is the program, or the plan of how to run the others. */
export type PortableFiles = Readonly<Record<string, Uint8Array>>;

/**
 * Writes every program in a form for other runtimes, and compares its outputs in onnxruntime with the bundle's
 * reference: at another batch size with its rows in turn, from the first again after the last.
 * @returns the files by program, and one line for each program that is off.
 * @throws UserError when a program cannot be written in this form.
 */
export async function portablePrograms({
  options,
  graphs,
  signatures,
  reference,
  executor,
  metadata,
}: PortableRequest): Promise<{ files: Record<string, PortableFiles>; failures: string[] }> {
  const { tensors } = decodeSafetensors(reference, 'reference');
  const files: Record<string, PortableFiles> = {};
  const failures: string[] = [];
  for (const [name, graph] of Object.entries(graphs)) {
    const written = writePortable(name, portableGraph(name, graph, options), options, metadata);
    files[name] = written.files;
    const of = (kind: 'in' | 'out' | 'margin') =>
      rowsOf(tensors, `${name}/${kind}/`, signatures[name]!, options);
    const outputs = await runPortable(name, written, executor, of('in'));
    const differences = compareOutputs(outputs, of('out'), of('margin'));
    for (const [output, { passed, maxRelativeError }] of Object.entries(differences)) {
      if (passed) continue;
      failures.push(
        `program ${name} for other runtimes: output '${output}' differs from the reference by ` +
          `${maxRelativeError.toExponential(1)} of its scale (allowed: ${parityTolerance.relative})`,
      );
    }
  }
  return { files, failures };
}

interface WrittenProgram {
  readonly files: PortableFiles;
  /** How the files after the first are run, where the loops are the caller's. */
  readonly plan: HostPlan | null;
}

function writePortable(
  name: string,
  graph: Graph,
  { loops }: PortableOptions,
  metadata: Readonly<Record<string, string>>,
): WrittenProgram {
  const write = (part: Graph) => writeOnnx(part, { name, metadata });
  if (loops !== 'host' || !graph.nodes.some(({ op }) => op === 'scan')) {
    return { files: { [`${name}.onnx`]: write(graph) }, plan: null };
  }
  const { plan, programs } = hostLoops(graph);
  const fileOf = (program: number) => `${name}.${program + 1}.onnx`;
  const named = plan.parts.map(({ program, ...part }) => ({ file: fileOf(program), ...part }));
  const json = new TextEncoder().encode(`${JSON.stringify({ parts: named }, null, 2)}\n`);
  const parts = programs.map((program, i) => [fileOf(i), write(program)]);
  return { files: { [`${name}.json`]: json, ...Object.fromEntries(parts) }, plan };
}

async function runPortable(
  name: string,
  { files, plan }: WrittenProgram,
  executor: Executor,
  inputs: Record<string, HostTensor>,
): Promise<Record<string, HostTensor>> {
  const onnx = Object.entries(files).filter(([file]) => file.endsWith('.onnx'));
  const loaded: LoadedProgram[] = [];
  try {
    for (const [, bytes] of onnx) loaded.push(await executor.load(name, bytes));
    const run = async (i: number, given: Record<string, HostTensor>) =>
      downloadAll(await loaded[i]!.run(given));
    return plan === null ? await run(0, inputs) : await runHostPlan(plan, run, inputs);
  } finally {
    for (const program of loaded) await program.release();
  }
}

/** The tensors of one kind of a program, with as many examples as the form takes. */
function rowsOf(
  tensors: Readonly<Record<string, HostTensor>>,
  prefix: string,
  { inputs }: ProgramSignature,
  { batch }: PortableOptions,
): Record<string, HostTensor> {
  const own = Object.entries(tensors).flatMap(([key, tensor]): [string, HostTensor][] => {
    if (!key.startsWith(prefix)) return [];
    const port = key.slice(prefix.length);
    const scalar = prefix.endsWith('/in/') && inputs[port]?.role === 'scalar';
    return [[port, batch === undefined || scalar ? tensor : inTurn(tensor, batch)]];
  });
  return Object.fromEntries(own);
}

function inTurn({ dtype, shape, data }: HostTensor, count: number): HostTensor {
  const [rows, ...rest] = shape as [number, ...number[]];
  const size = sizeOf(rest);
  const values = Float64Array.from(
    { length: count * size },
    (_, i) => data[(Math.floor(i / size) % rows) * size + (i % size)]!,
  );
  return hostTensor(dtype, [count, ...rest], values);
}
