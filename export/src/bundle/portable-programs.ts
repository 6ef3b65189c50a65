import {
  compareOutputs,
  decodeSafetensors,
  downloadAll,
  type Executor,
  type HostTensor,
  hostTensor,
  type ProgramSignature,
  parityTolerance,
  sizeOf,
} from '@generatrix/runtime';
import type { Graph } from '../graph/ir.ts';
import { writeOnnx } from '../onnx/write.ts';
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
}: PortableRequest): Promise<{ files: Record<string, Uint8Array>; failures: string[] }> {
  const { tensors } = decodeSafetensors(reference, 'reference');
  const files: Record<string, Uint8Array> = {};
  const failures: string[] = [];
  for (const [name, graph] of Object.entries(graphs)) {
    const onnx = writeOnnx(portableGraph(name, graph, options), { name, metadata });
    files[name] = onnx;
    const of = (kind: 'in' | 'out' | 'margin') =>
      rowsOf(tensors, `${name}/${kind}/`, signatures[name]!, options);
    const loaded = await executor.load(name, onnx);
    try {
      const differences = compareOutputs(
        await downloadAll(await loaded.run(of('in'))),
        of('out'),
        of('margin'),
      );
      for (const [output, { passed, maxRelativeError }] of Object.entries(differences)) {
        if (passed) continue;
        failures.push(
          `program ${name} for other runtimes: output '${output}' differs from the reference by ` +
            `${maxRelativeError.toExponential(1)} of its scale (allowed: ${parityTolerance.relative})`,
        );
      }
    } finally {
      await loaded.release();
    }
  }
  return { files, failures };
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
