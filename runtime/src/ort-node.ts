import * as ort from 'onnxruntime-node';
import type { Device, Executor, LoadedProgram, LoadOptions, ProgramOutputs, ProgramPort } from './executor.ts';
import type { DeviceTensor, DType, HostTensor } from './tensor.ts';

/** Devices that onnxruntime-node can run on. */
export type NodeDevice = Exclude<Device, 'wasm'>;

/** The only module that imports onnxruntime-node. */
export function nodeExecutor(device: NodeDevice): Executor {
  return { device, load: (name, onnx, options) => load(device, name, onnx, options ?? {}) };
}

async function load(device: NodeDevice, name: string, onnx: Uint8Array, options: LoadOptions): Promise<LoadedProgram> {
  const kept = device === 'webgpu' ? new Set(options.keepOnDevice) : new Set<string>();
  const session = await create(device, name, onnx, options, kept);
  return new NodeProgram(`${name} on ${device}`, session, kept);
}

async function create(
  device: NodeDevice,
  name: string,
  onnx: Uint8Array,
  { threads }: LoadOptions,
  kept: ReadonlySet<string>,
): Promise<ort.InferenceSession> {
  const location: Record<string, 'gpu-buffer' | 'cpu'> = {};
  for (const output of kept) location[output] = 'gpu-buffer';
  try {
    return await ort.InferenceSession.create(onnx, {
      executionProviders: [device],
      // Warnings of the optimizer about shapes it does not fold are no concern of the user's.
      logSeverityLevel: 3,
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      ...(kept.size > 0 ? { preferredOutputLocation: location } : {}),
    });
  } catch (error) {
    throw new Error(`program ${name} does not load on ${device}: ${firstLine(error)}`);
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

class NodeProgram implements LoadedProgram {
  readonly inputs: readonly ProgramPort[];
  readonly outputs: readonly ProgramPort[];
  readonly #what: string;
  readonly #kept: ReadonlySet<string>;
  #session: ort.InferenceSession | null;

  constructor(what: string, session: ort.InferenceSession, kept: ReadonlySet<string>) {
    this.#what = what;
    this.#session = session;
    this.#kept = kept;
    this.inputs = ports(session.inputMetadata);
    this.outputs = ports(session.outputMetadata);
  }

  async run(inputs: Readonly<Record<string, HostTensor | DeviceTensor>>): Promise<ProgramOutputs> {
    if (this.#session === null) throw new Error(`program ${this.#what} was released`);
    const feeds: Record<string, ort.Tensor> = {};
    for (const { name, dtype } of this.inputs) {
      const tensor = inputs[name];
      if (tensor === undefined) throw new Error(`program ${this.#what}: input '${name}' is missing`);
      if (tensor.dtype !== dtype) {
        throw new Error(`program ${this.#what}: input '${name}' must be ${dtype}, got ${tensor.dtype}`);
      }
      feeds[name] = toOrt(tensor);
    }
    // WebGPU downloads only what is asked to stay on the CPU; kept outputs are wrapped, the others read.
    const results = await this.#session.run(feeds);
    const outputs: ProgramOutputs = {};
    for (const { name, dtype } of this.outputs) {
      const result = results[name]!;
      outputs[name] = this.#kept.has(name) ? new NodeDeviceTensor(result, dtype) : fromOrt(result, dtype);
    }
    return outputs;
  }

  async release(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.release();
  }
}

/**
 * An output left in WebGPU memory. onnxruntime-node aborts the process when such a tensor is read directly, so a
 * download passes it through a program that copies it to the CPU.
 */
class NodeDeviceTensor implements DeviceTensor {
  readonly location = 'device';
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly tensor: ort.Tensor;

  constructor(tensor: ort.Tensor, dtype: DType) {
    this.tensor = tensor;
    this.dtype = dtype;
    this.shape = tensor.dims;
  }

  async download(): Promise<HostTensor> {
    const session = await ort.InferenceSession.create(copyProgram(this.dtype, this.shape.length), {
      executionProviders: ['webgpu'],
      logSeverityLevel: 3,
    });
    try {
      const { y } = await session.run({ x: this.tensor });
      return fromOrt(y!, this.dtype);
    } finally {
      await session.release();
    }
  }

  dispose(): void {
    this.tensor.dispose();
  }
}

const elementTypes: Record<DType, number> = { float32: 1, int32: 6, bool: 9 };

/**
 * `y = Identity(x)` as ONNX bytes, any shape of the rank: small enough to be put together by hand, since the
 * runtime does not depend on the exporter. Every message here is shorter than 128 bytes, so lengths take one byte.
 */
export function copyProgram(dtype: DType, rank: number): Uint8Array {
  const field = (number: number, bytes: readonly number[]) => [number * 8 + 2, bytes.length, ...bytes];
  const text = (number: number, value: string) => field(number, [...new TextEncoder().encode(value)]);
  const integer = (number: number, value: number) => [number * 8, value];
  const dims = Array.from({ length: rank }, (_, i) => field(1, text(2, `d${i}`))).flat();
  const type = field(1, [...integer(1, elementTypes[dtype]), ...field(2, dims)]);
  const value = (name: string) => [...text(1, name), ...field(2, type)];
  const node = [...text(1, 'x'), ...text(2, 'y'), ...text(4, 'Identity')];
  const graph = [...field(1, node), ...text(2, 'copy'), ...field(11, value('x')), ...field(12, value('y'))];
  const opset = field(8, [...text(1, ''), ...integer(2, 17)]);
  const length = graph.length;
  const graphField = length < 128 ? [58, length, ...graph] : [58, (length & 127) | 128, length >> 7, ...graph];
  return Uint8Array.from([...integer(1, 8), ...graphField, ...opset]);
}

function ports(metadata: readonly ort.InferenceSession.ValueMetadata[]): ProgramPort[] {
  return metadata.map((value) => {
    if (!value.isTensor) throw new Error(`program port '${value.name}' is not a tensor`);
    return { name: value.name, dtype: value.type as DType };
  });
}

function toOrt(tensor: HostTensor | DeviceTensor): ort.Tensor {
  if (tensor instanceof NodeDeviceTensor) return tensor.tensor;
  if ('location' in tensor) throw new Error('a device tensor of another executor was passed as input');
  return new ort.Tensor(tensor.dtype, tensor.data, [...tensor.shape]);
}

function fromOrt(tensor: ort.Tensor, dtype: DType): HostTensor {
  return { dtype, shape: [...tensor.dims], data: tensor.data } as HostTensor;
}
