import { allocate, type DType, sizeOf } from '@generatrix/runtime/core';
import { type ConstantData, type Dim, isSymbolic, type Port, type Shape } from '../graph/ir.ts';
import { type GraphModelEmitter, refuse } from './lowering.ts';
import { type Attrs, attr, type NodeDef } from './node-def.ts';

/**
 * A model of more nodes than this is refused. tfjs schedules nodes one by one: 15,000 of them, of a small recurrent
 * layer, were 1.3 MB of JSON and ran in 0.2 s on its CPU backend.
 */
export const maximumNodes = 20_000;

export interface Weight {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ConstantData;
}

/** Thrown when a model outgrows `maximumNodes`; ends the writing, unlike the refusal of one node. */
export class TooManyNodes extends Error {}

/** Collects the nodes and weights of one GraphModel. */
export class Emitter implements GraphModelEmitter {
  readonly nodes: NodeDef[] = [];
  readonly weights: Weight[] = [];
  /** Names taken. tfjs keeps nodes in plain objects, where those of Object's own members go wrong. */
  readonly #names = new Set<string>(Object.getOwnPropertyNames(Object.prototype));
  readonly #emitted = new Map<string, string[]>();
  readonly #smallWeights = new Map<string, string>();
  readonly #weightsByData = new WeakMap<ArrayLike<number>, Map<string, string>>();
  #batchSource: { name: string; axis: number; dim: Exclude<Dim, number> } | null = null;

  /** Adds a placeholder for a graph input and returns its name. */
  placeholder({ name, value }: Port): string {
    const node = this.uniqueName(name);
    this.#push(node, 'Placeholder', [], { dtype: attr.dtype(value.dtype), shape: attr.shape(value.shape) });
    for (const [axis, dim] of value.shape.entries()) {
      if (!isSymbolic(dim)) continue;
      const plain = dim.scale === 1 && dim.offset === 0;
      if (this.#batchSource === null || plain) this.#batchSource = { name: node, axis, dim };
    }
    return node;
  }

  /** Adds a node of its own for a graph output, so that no two outputs, and no input and output, share a node. */
  output(name: string, tensor: string): string {
    const node = this.uniqueName(name);
    this.#push(node, 'Identity', [tensor], {});
    return node;
  }

  op(type: string, inputs: readonly string[], attrs: Attrs = {}): string {
    return this.ops(type, inputs, attrs, 1)[0]!;
  }

  ops(type: string, inputs: readonly string[], attrs: Attrs, outputs: number): string[] {
    const key = JSON.stringify([type, inputs, attrs]);
    const known = this.#emitted.get(key);
    if (known) return known;
    const name = this.uniqueName(type);
    this.#push(name, type, inputs, attrs);
    const names = Array.from({ length: outputs }, (_, i) => (i === 0 ? name : `${name}:${i}`));
    this.#emitted.set(key, names);
    return names;
  }

  constant(dtype: DType, shape: readonly number[], data: ArrayLike<number>): string {
    const key = `${dtype} ${shape}`;
    const sameData = this.#weightsByData.get(data) ?? new Map<string, string>();
    const known = sameData.get(key);
    if (known !== undefined) return known;
    const stored = asStored(dtype, data);
    const small = stored.byteLength <= 256 ? `${key}: ${bytesOf(stored)}` : null;
    const name = (small !== null && this.#smallWeights.get(small)) || this.#weight(dtype, shape, stored);
    if (small !== null) this.#smallWeights.set(small, name);
    this.#weightsByData.set(data, sameData.set(key, name));
    return name;
  }

  scalar(dtype: DType, value: number): string {
    return this.constant(dtype, [], [value]);
  }

  ints(values: readonly number[]): string {
    return this.constant('int32', [values.length], values);
  }

  dims(shape: Shape): string {
    const sizes = knownSizes(shape);
    if (sizes !== null) return this.ints(sizes);
    const scalars = shape.map((dim) => (isSymbolic(dim) ? this.#runtimeDim(dim) : this.scalar('int32', dim)));
    return this.op('Pack', scalars, { axis: attr.int(0), N: attr.int(scalars.length) });
  }

  reshape(x: string, shape: Shape): string {
    const symbolic = shape.filter(isSymbolic).length;
    // Nothing can be inferred beside a dimension of size zero.
    const inferable = symbolic === 1 && !shape.includes(0);
    const target = inferable ? this.ints(shape.map((dim) => (isSymbolic(dim) ? -1 : dim))) : this.dims(shape);
    return this.op('Reshape', [x, target]);
  }

  fill(dtype: DType, shape: Shape, value: number): string {
    const sizes = knownSizes(shape);
    if (sizes !== null && sizeOf(sizes) <= 64) {
      return this.constant(dtype, sizes, allocate(dtype, sizeOf(sizes)).fill(value));
    }
    return this.op('Fill', [this.dims(shape), this.scalar(dtype, value)], { T: attr.dtype(dtype) });
  }

  /** A node name that is valid in TensorFlow, resembles `base` and is not taken. */
  uniqueName(base: string): string {
    const valid = base.replaceAll(/[^A-Za-z0-9_./]/g, '_').replace(/^[^A-Za-z0-9.]+/, '') || 'node';
    let name = valid;
    for (let i = this.#names.size; this.#names.has(name); i++) name = `${valid}_${i}`;
    this.#names.add(name);
    return name;
  }

  #runtimeDim({ scale, offset }: Exclude<Dim, number>): string {
    const scaled = scale === 1 ? this.#batch() : this.op('Mul', [this.#batch(), this.scalar('int32', scale)]);
    return offset === 0 ? scaled : this.op('AddV2', [scaled, this.scalar('int32', offset)]);
  }

  /** The batch size, an int32 scalar, read off the shape of an input. */
  #batch(): string {
    const source = this.#batchSource;
    if (source === null) refuse('a size depends on the batch size, but no input has a batch dimension');
    const { name, axis, dim } = source;
    const entry = this.op('Slice', [this.op('Shape', [name]), this.ints([axis]), this.ints([1])]);
    const size = this.reshape(entry, []);
    const multiple = dim.offset === 0 ? size : this.op('Sub', [size, this.scalar('int32', dim.offset)]);
    return dim.scale === 1 ? multiple : this.op('FloorDiv', [multiple, this.scalar('int32', dim.scale)]);
  }

  #weight(dtype: DType, shape: readonly number[], data: ConstantData): string {
    const name = this.uniqueName('Const');
    this.#push(name, 'Const', [], { dtype: attr.dtype(dtype), value: attr.tensor(dtype, shape) });
    this.weights.push({ name, dtype, shape, data });
    return name;
  }

  #push(name: string, op: string, input: readonly string[], attrs: Attrs): void {
    if (this.nodes.length >= maximumNodes) throw new TooManyNodes();
    this.nodes.push({ name, op, input, attr: attrs });
  }
}

/** The shape, if no dimension depends on the batch size. */
function knownSizes(shape: Shape): readonly number[] | null {
  return shape.some(isSymbolic) ? null : (shape as readonly number[]);
}

function bytesOf(data: ConstantData): string {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).join();
}

function asStored(dtype: DType, data: ArrayLike<number>): ConstantData {
  const stored = allocate(dtype, 0);
  if (data.constructor === stored.constructor) return data as ConstantData;
  const copy = allocate(dtype, data.length);
  copy.set(data);
  return copy;
}
