import type { DType } from '@generatrix/runtime/core';
import type { AnyKernelNode, ConstantData, Graph, Node, Port, Value } from '../graph/ir.ts';
import type { TensorMeta } from '../kernels/shape-rules.ts';
import { tf } from '../tf.ts';
import { at, TraceError, userLocation } from './errors.ts';

/** Anything tfjs passes as a tensor: what identifies it is its data id. */
export type TensorLike = Pick<tf.TensorInfo, 'dataId' | 'dtype' | 'shape'>;

/** Values of tensors that live on other backends (weights), by data id: several traces share them. */
export class ForeignData {
  readonly #known = new WeakMap<object, ConstantData>();
  readonly #borrow: boolean;

  /**
   * @param borrow whether values may be the backend's own memory, where it hands that out: for graphs that are written
   *   before anyone else gets to run, as the memory may be that of the array which a tensor was made of
   */
  constructor({ borrow = false }: { readonly borrow?: boolean } = {}) {
    this.#borrow = borrow;
  }

  /** The values of a tensor that a trace has used; undefined when none has. */
  known(dataId: object): ConstantData | undefined {
    return this.#known.get(dataId);
  }

  /** The values of a tensor, read from its backend the first time. */
  read(dataId: object, backend: tf.KernelBackend, dtype: DType): ConstantData {
    const known = this.#known.get(dataId);
    if (known !== undefined) return known;
    const values = backend.readSync(dataId);
    const data = this.#borrow && isStored(values, dtype) ? values : toConstantData(values, dtype);
    this.#known.set(dataId, data);
    return data;
  }
}

function isStored(values: tf.BackendValues, dtype: DType): values is ConstantData {
  return (
    (dtype === 'float32' && values instanceof Float32Array) ||
    (dtype === 'int32' && values instanceof Int32Array)
  );
}

/** The recorder in which a symbolic tensor was made, by its data id. */
const owners = new WeakMap<object, Recorder>();

/** Records the nodes of one graph; a scan's body has a recorder of its own whose parent it captures from. */
export class Recorder {
  readonly nodes: Node[] = [];
  readonly inputs: Port[] = [];
  /** Values of the parent that the body uses, with the body's stand-in for each. */
  readonly captures: { outer: Value; inner: Value }[] = [];
  readonly parent: Recorder | null;
  readonly foreign: ForeignData;
  /** Tensors of the surroundings that the body uses, weights included, by their number in tfjs. */
  readonly outsiders = new Map<number, tf.Tensor>();
  readonly #captured = new Map<Value, Value>();
  readonly #kept = new Set<tf.Tensor>();
  readonly #values = new WeakMap<object, Value>();
  /** Data ids of tensors that come from the surroundings. */
  readonly #outside = new WeakSet<object>();
  readonly #producers = new Map<Value, Node>();
  #nextId = 0;
  #refused: TraceError | null = null;

  constructor(parent: Recorder | null = null, foreign: ForeignData = parent?.foreign ?? new ForeignData()) {
    this.parent = parent;
    this.foreign = foreign;
  }

  newValue(meta: TensorMeta): Value {
    return { id: this.#nextId++, dtype: meta.dtype, shape: [...meta.shape] };
  }

  /** Declares a graph input and returns the symbolic tensor that stands for it. */
  input(name: string, meta: TensorMeta): tf.Tensor {
    const value = this.newValue(meta);
    this.inputs.push({ name, value });
    return this.tensor(value);
  }

  /** A tfjs tensor whose data is this value; reading it is an error. */
  tensor(value: Value): tf.Tensor {
    return tf.engine().makeTensorFromTensorInfo(this.tensorInfo(value));
  }

  tensorInfo(value: Value): tf.TensorInfo {
    const dataId = {};
    this.bind(dataId, value);
    return { dataId, dtype: value.dtype, shape: value.shape as number[] };
  }

  kernel(
    kernel: AnyKernelNode['kernel'],
    inputs: TensorLike[],
    attrs: object,
    outputs: TensorMeta[],
  ): tf.TensorInfo[] {
    const node = {
      op: 'kernel',
      kernel,
      attrs,
      inputs: inputs.map((input) => this.resolve(input)),
      outputs: outputs.map((meta) => this.newValue(meta)),
      where: userLocation(),
    } as AnyKernelNode;
    this.push(node);
    return node.outputs.map((value) => this.tensorInfo(value));
  }

  constant(meta: TensorMeta, data: ConstantData): Value {
    const output = this.newValue(meta);
    this.push({ op: 'constant', inputs: [], outputs: [output], data, where: userLocation() });
    return output;
  }

  push(node: Node): void {
    this.nodes.push(node);
    for (const output of node.outputs) this.#producers.set(output, node);
  }

  /** Binds a data id that tfjs allocated to a recorded value. */
  bind(dataId: object, value: Value): void {
    this.#values.set(dataId, value);
    owners.set(dataId, this);
  }

  /** Notes an error that could not be thrown where it arose; the first one counts. */
  refuse(error: TraceError): void {
    if (this.parent !== null) this.parent.refuse(error);
    else this.#refused ??= error;
  }

  /** @throws TraceError the error that was noted, if any. */
  throwRefused(): void {
    if (this.#refused !== null) throw this.#refused;
  }

  /**
   * The value of a tensor: one of this graph's, a capture from a surrounding graph, or, for a tensor that lives
   * on another backend (a weight), a constant read from there without moving it.
   */
  resolve(tensor: TensorLike): Value {
    const known = this.#values.get(tensor.dataId);
    if (tensor instanceof tf.Tensor) {
      if (tensor.isDisposed) throw this.#disposed(tensor);
      this.#noteOutsider(tensor);
    }
    if (known !== undefined) return known;
    const value = this.parent?.knows(tensor.dataId)
      ? this.#capture(this.parent.resolve(tensor))
      : this.#foreignConstant(tensor);
    this.#values.set(tensor.dataId, value);
    this.#outside.add(tensor.dataId);
    return value;
  }

  /**
   * Keeps a symbolic tensor that a gradient will need until the whole trace ends, whichever tidy it was made in.
   * What was made outside of the trace is left to its owner.
   */
  keep(tensor: tf.Tensor): void {
    if (this.parent !== null) this.parent.keep(tensor);
    else if (!tensor.kept && isSymbolic(tensor)) this.#kept.add(tf.keep(tensor));
  }

  /** Disposes what was kept. */
  release(): void {
    for (const tensor of this.#kept) tensor.dispose();
    this.#kept.clear();
  }

  knows(dataId: object): boolean {
    return this.#values.has(dataId) || (this.parent?.knows(dataId) ?? false);
  }

  /** The node that produced a tensor of this graph, if it is one. */
  producer(dataId: object): Node | undefined {
    const value = this.#values.get(dataId);
    if (value === undefined) return this.parent?.producer(dataId);
    return this.#producers.get(value);
  }

  finish(outputs: Port[]): Graph {
    const captured = this.captures.map(({ inner }, i) => ({ name: `capture${i}`, value: inner }));
    return { inputs: [...this.inputs, ...captured], outputs, nodes: this.nodes };
  }

  #capture(outer: Value): Value {
    const existing = this.#captured.get(outer);
    if (existing !== undefined) return existing;
    const inner = this.newValue({ dtype: outer.dtype, shape: outer.shape as number[] });
    this.captures.push({ outer, inner });
    this.#captured.set(outer, inner);
    return inner;
  }

  /** Tells every body between here and where the tensor comes from that it is used. */
  #noteOutsider(tensor: tf.Tensor): void {
    for (let body: Recorder = this; body.parent !== null && !body.#owns(tensor.dataId); body = body.parent) {
      body.outsiders.set(tensor.id, tensor);
    }
  }

  #owns(dataId: object): boolean {
    return this.#values.has(dataId) && !this.#outside.has(dataId);
  }

  /** Whether this records a body inside of what another records. */
  #within(other: Recorder): boolean {
    return this.parent !== null && (this.parent === other || this.parent.#within(other));
  }

  #disposed(tensor: TensorLike): TraceError {
    const owner = owners.get(tensor.dataId);
    // The tensors of a trace are disposed when it ends.
    if (owner !== undefined && !this.knows(tensor.dataId)) return strayed(tensor, owner.#within(this));
    return new TraceError(
      `a tensor of shape [${tensor.shape}] is used${at(userLocation())} after it was disposed: dispose it later, ` +
        'or return it from the tf.tidy that it was made in',
    );
  }

  #foreignConstant(tensor: TensorLike): Value {
    const owner = owners.get(tensor.dataId);
    if (owner !== undefined) throw strayed(tensor, owner.#within(this));
    const record = tf.engine().state.tensorInfo.get(tensor.dataId);
    if (record === undefined) throw this.#disposed(tensor);
    const meta = { dtype: tracedDType(tensor.dtype), shape: tensor.shape };
    return this.constant(meta, this.foreign.read(tensor.dataId, record.backend, meta.dtype));
  }
}

/** A tensor that was made in a place that is no longer: a body of a scan around which it is used, or another trace. */
function strayed({ shape }: TensorLike, fromBody: boolean): TraceError {
  const [made, cure] = fromBody
    ? ['in the body of a scan is used outside of it', "return it among the step's outputs or carries"]
    : ['in another trace is used in this one', 'make it inside the traced function, or pass it as an input'];
  return new TraceError(`a tensor of shape [${shape}] made ${made}${at(userLocation())}: ${cure}`);
}

/** Whether a tensor was made by this trace: its data is on the tracing backend, which holds none. */
function isSymbolic(tensor: tf.Tensor): boolean {
  return tf.engine().state.tensorInfo.get(tensor.dataId)?.backend === tf.backend();
}

/** @throws for element types that no program carries (string, complex64). */
export function tracedDType(dtype: string): DType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new TraceError(`cannot trace a tensor of type ${dtype}: programs carry float32, int32 and bool`);
}

// Not `from`, which takes a typed array one value at a time.
const converters = {
  float32: (values: ArrayLike<number>) => new Float32Array(values),
  int32: (values: ArrayLike<number>) => new Int32Array(values),
  bool: (values: ArrayLike<number>) => Uint8Array.from(values, (value) => (value ? 1 : 0)),
};

/** A copy of a backend's values in the storage that constants use. */
export function toConstantData(values: tf.BackendValues, dtype: DType): ConstantData {
  return converters[dtype](values as ArrayLike<number>);
}
