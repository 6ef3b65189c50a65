import type {
  InferenceSession,
  InferenceSessionFactory,
  TensorConstructor,
  Tensor as Value,
} from 'onnxruntime-common';
import { messageOf, UserError } from '../errors.ts';
import type {
  Device,
  Executor,
  LoadedProgram,
  LoadOptions,
  ProgramOutputs,
  ProgramPort,
} from '../program/executor.ts';
import { checkOutsideValues } from '../program/outside-values.ts';
import type { Queue } from '../program/queue.ts';
import { type DeviceTensor, type DType, type HostTensor, hostTensor, sizeOf } from '../program/tensor.ts';

/** What differs between onnxruntime's builds and devices; the executor below is the same for all. */
export interface OrtBackend {
  readonly device: Device;
  readonly ort: { readonly InferenceSession: InferenceSessionFactory; readonly Tensor: TensorConstructor };
  readonly sessionOptions: (options: LoadOptions) => InferenceSession.SessionOptions;
  /** Passes every call that onnxruntime must not overlap. */
  readonly exclusive: Queue;
  /** Can a run write its outputs to memory that the caller gives? */
  readonly fillsOutputs?: boolean;
  /** Where kept outputs stay on the device: how to read one. Absent where the device is the host. */
  readonly download?: (value: Value) => Promise<HostTensor>;
}

/** An executor over one onnxruntime build and device. */
export function ortExecutor(backend: OrtBackend): Executor {
  return {
    device: backend.device,
    load: async (name, onnx, options = {}) => {
      try {
        checkOutsideValues('it', onnx, options.weights);
        const session = await backend.exclusive(() => createSession(backend, onnx, options));
        return new OrtProgram(backend, name, session);
      } catch (error) {
        const failure = `${name}: ${backend.device} cannot run this program: ${messageOf(error)}`;
        throw error instanceof UserError ? new UserError(failure) : new Error(failure);
      }
    },
  };
}

function createSession(
  backend: OrtBackend,
  onnx: Uint8Array,
  options: LoadOptions,
): Promise<InferenceSession> {
  const kept = backend.download ? (options.keepOnDevice ?? []) : [];
  const location = Object.fromEntries(kept.map((name) => [name, 'gpu-buffer' as const]));
  const weights = Object.entries(options.weights ?? {}).map(([path, data]) => ({ path, data }));
  return backend.ort.InferenceSession.create(onnx, {
    logSeverityLevel: options.quiet ? 4 : 3, // a warning for each node that onnxruntime places on the CPU would drown the rest
    ...backend.sessionOptions(options),
    ...(weights.length > 0 ? { externalData: weights } : {}),
    ...(kept.length > 0 ? { preferredOutputLocation: location } : {}),
  });
}

class OrtProgram implements LoadedProgram {
  readonly inputs: readonly ProgramPort[];
  readonly outputs: readonly ProgramPort[];
  readonly #backend: OrtBackend;
  readonly #name: string;
  readonly #session: InferenceSession;
  readonly #running = new Set<Promise<unknown>>();
  #released: Promise<void> | null = null;

  constructor(backend: OrtBackend, name: string, session: InferenceSession) {
    this.#backend = backend;
    this.#name = name;
    this.#session = session;
    this.inputs = session.inputMetadata.map((port) => readPort(port));
    this.outputs = session.outputMetadata.map((port) => readPort(port));
  }

  async run(
    inputs: Readonly<Record<string, HostTensor | DeviceTensor>>,
    into: Readonly<Record<string, HostTensor>> = {},
  ): Promise<ProgramOutputs> {
    if (this.#released !== null) throw new Error(`${this.#name}: the program was released`);
    const feeds: Record<string, Value> = {};
    for (const port of this.inputs) feeds[port.name] = this.#toValue(port, inputs[port.name]);
    const targets = this.#targets(into, feeds);
    const fetches = Object.fromEntries(this.outputs.map(({ name }) => [name, targets.get(name) ?? null]));
    const run = this.#backend.exclusive(() => this.#session.run(feeds, fetches));
    this.#running.add(run);
    try {
      const values = await run;
      return Object.fromEntries(
        this.outputs.map(({ name }) => [
          name,
          targets.has(name) ? into[name]! : this.#fromValue(values[name]!),
        ]),
      );
    } catch (error) {
      throw new Error(`${this.#name}: ${messageOf(error)}`);
    } finally {
      this.#running.delete(run);
    }
  }

  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    await Promise.allSettled(this.#running);
    await this.#backend.exclusive(() => this.#session.release());
  }

  /** The memory that outputs are to be written to, where the device can. */
  #targets(into: Readonly<Record<string, HostTensor>>, feeds: Record<string, Value>): Map<string, Value> {
    const targets = new Map<string, Value>();
    if (this.#backend.fillsOutputs !== true) return targets;
    const read = new Set(Object.values(feeds).map(({ data }) => (data as HostTensor['data']).buffer));
    for (const port of this.outputs) {
      const tensor = Object.hasOwn(into, port.name) ? into[port.name] : undefined;
      // onnxruntime refuses memory that is shared between threads.
      if (tensor === undefined || !(tensor.data.buffer instanceof ArrayBuffer)) continue;
      const where = `${this.#name}: the target of output '${port.name}'`;
      checkFits(where, port, tensor);
      if (read.has(tensor.data.buffer)) throw new Error(`${where} is memory of an input`);
      targets.set(port.name, new this.#backend.ort.Tensor(tensor.dtype, tensor.data, tensor.shape));
    }
    return targets;
  }

  #toValue(port: ProgramPort, tensor: HostTensor | DeviceTensor | undefined): Value {
    const where = `${this.#name}: input '${port.name}'`;
    if (tensor === undefined) throw new Error(`${where} is missing`);
    checkFits(where, port, tensor);
    const { dtype, shape } = tensor;
    if ('location' in tensor) {
      if (!(tensor instanceof OrtDeviceTensor)) throw new Error(`${where} belongs to another executor`);
      return tensor.value;
    }
    // onnxruntime refuses memory that is shared between threads: those values are copied.
    const data = tensor.data.buffer instanceof ArrayBuffer ? tensor.data : tensor.data.slice();
    return new this.#backend.ort.Tensor(dtype, data, shape);
  }

  #fromValue(value: Value): HostTensor | DeviceTensor {
    if (value.location === 'gpu-buffer') return new OrtDeviceTensor(value, this.#backend);
    return hostValue(value);
  }
}

class OrtDeviceTensor implements DeviceTensor {
  readonly location = 'device';
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly value: Value;
  readonly #backend: OrtBackend;

  constructor(value: Value, backend: OrtBackend) {
    this.dtype = readDType(value.type, 'an output');
    this.shape = value.dims;
    this.value = value;
    this.#backend = backend;
  }

  async download(): Promise<HostTensor> {
    const { download } = this.#backend;
    if (!download) throw new Error(`${this.#backend.device} keeps no tensors of its own`);
    return this.#backend.exclusive(() => download(this.value));
  }

  dispose(): void {
    this.value.dispose();
  }
}

/** @throws where a tensor is not what the port takes or gives, or does not hold what its shape says. */
function checkFits(where: string, port: ProgramPort, tensor: HostTensor | DeviceTensor): void {
  const { dtype, shape } = tensor;
  const fits =
    shape.length === port.shape.length &&
    port.shape.every((dim, axis) => typeof dim === 'string' || dim === shape[axis]);
  if (dtype !== port.dtype || !fits) {
    throw new Error(`${where} must be ${port.dtype} [${port.shape}], got ${dtype} [${shape}]`);
  }
  if ('data' in tensor && tensor.data.length !== sizeOf(shape)) {
    throw new Error(`${where} of shape [${shape}] needs ${sizeOf(shape)} values, got ${tensor.data.length}`);
  }
}

/** The values of a tensor that is already on the host. */
export function hostValue(value: Value): HostTensor {
  return hostTensor(readDType(value.type, 'an output'), value.dims, value.data as ArrayLike<number>);
}

function readPort(port: InferenceSession.ValueMetadata): ProgramPort {
  if (!port.isTensor) throw new Error(`'${port.name}' is not a tensor`);
  return { name: port.name, dtype: readDType(port.type, `'${port.name}'`), shape: port.shape };
}

function readDType(type: string, what: string): DType {
  if (type === 'float32' || type === 'int32' || type === 'bool') return type;
  throw new Error(`${what} has type ${type}; programs take and return float32, int32 and bool`);
}
