import {
  type Batching,
  encodeSafetensors,
  type HostTensor,
  type NoiseSpec,
  type ProgramSignature,
  portNames,
  type StateSpec,
  sha256Hex,
} from '@generatrix/runtime';
import type { TrainingEntry } from '@generatrix/runtime/train';
import type { Graph } from '../graph/ir.ts';
import { onnxOpset } from '../onnx/lowering.ts';
import { writeOnnx } from '../onnx/write.ts';
import { type BatchedInput, traceBatched } from '../trace/symbolic.ts';
import type { NamedTensors } from '../trace/trace.ts';
import type { BundleFiles } from './pack.ts';

/** What makes a bundle trainable. */
export interface TrainingRequest {
  /** The training step, traced at `batchSize`: inputs `state/NAME`, `noise/NAME`, the batch; outputs `next/NAME`, `metric/NAME`. */
  readonly step: Graph;
  readonly batchSize: number;
  readonly batching: Batching;
  readonly learningRate: number;
  readonly noise: Readonly<Record<string, NoiseSpec>>;
  readonly stateSpecs: Readonly<Record<string, StateSpec>>;
  readonly programs: Readonly<
    Record<
      string,
      { readonly signature: ProgramSignature; run(state: NamedTensors, inputs: NamedTensors): NamedTensors }
    >
  >;
  /** The state as it is now. */
  readonly state: Readonly<Record<string, HostTensor>>;
  /** The state before the first step, where the distributions of `stateSpecs` do not say it. */
  readonly start?: Readonly<Record<string, HostTensor>>;
  /** Examples that travel with the bundle: float32 [n, ...shape], and their classes int32 [n]. */
  readonly examples?: { readonly data: HostTensor; readonly labels?: HostTensor };
}

/**
 * The files that let a bundle be trained anywhere, in `training/`: the step, each program with the state as inputs,
 * and the state; and what the manifest says of them.
 */
export function packTraining(request: TrainingRequest): { files: BundleFiles; entry: TrainingEntry } {
  const { step, stateSpecs, programs, state, start, examples, ...settings } = request;
  const files: BundleFiles = {};
  const add = (name: string, bytes: Uint8Array) => {
    const file = `training/${name}`;
    files[file] = bytes;
    return { file, bytes: bytes.length, sha256: sha256Hex(bytes) };
  };
  const open = Object.entries(programs).map(([name, { signature, run }]) => {
    const inputs: Record<string, BatchedInput> = {};
    for (const [key, { shape, dtype = 'float32' }] of Object.entries(stateSpecs)) {
      inputs[portNames.state(key)] = { dtype, shape, batched: false };
    }
    for (const [key, { shape, dtype, role }] of Object.entries(signature.inputs)) {
      inputs[key] = { dtype, shape, batched: role !== 'scalar' };
    }
    const graph = withoutIdleState(traceBatched((tensors) => run(stateOf(tensors), tensors), inputs));
    return [name, { ...add(`${name}.onnx`, writeOnnx(graph, { name })), opset: onnxOpset }] as const;
  });
  const { batchSize, batching, learningRate, noise } = settings;
  const entry: TrainingEntry = {
    step: { ...add('step.onnx', writeOnnx(step, { name: 'step' })), opset: onnxOpset },
    batchSize,
    batching,
    learningRate,
    noise: { ...noise },
    state: { ...stateSpecs },
    programs: Object.fromEntries(open),
    trained: add('state.safetensors', encodeSafetensors(state)),
    ...(start === undefined ? {} : { start: add('start.safetensors', encodeSafetensors(start)) }),
    ...(examples === undefined
      ? {}
      : {
          examples: {
            ...add('examples.safetensors', encodeSafetensors({ ...examples })),
            count: examples.data.shape[0]!,
          },
        }),
  };
  return { files, entry };
}

/** Leaves out what the program does not look at, such as an optimizer's slots. */
function withoutIdleState(graph: Graph): Graph {
  const used = new Set([
    ...graph.nodes.flatMap((node) => node.inputs),
    ...graph.outputs.map(({ value }) => value),
  ]);
  const inputs = graph.inputs.filter(
    ({ name, value }) => !name.startsWith(portNames.state('')) || used.has(value),
  );
  return { ...graph, inputs };
}

function stateOf(tensors: NamedTensors): NamedTensors {
  const prefix = portNames.state('');
  const own = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}
