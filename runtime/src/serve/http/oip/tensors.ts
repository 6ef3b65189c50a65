import type { InputSpec } from '../../../program/program.ts';
import { type DType, type HostTensor, hostTensor, sizeOf } from '../../../program/tensor.ts';
import { HttpError } from '../http-error.ts';
import { flatten } from '../json-tensor.ts';
import type { Datatype, WireInput } from './schemas.ts';

const hostTypes: Readonly<Record<Datatype, DType>> = {
  BOOL: 'bool',
  INT32: 'int32',
  INT64: 'int32',
  FP32: 'float32',
};
const bytesOf: Readonly<Record<Datatype, number>> = { BOOL: 1, INT32: 4, INT64: 8, FP32: 4 };

/** Names of our element types in the protocol. */
export const datatypeOf: Readonly<Record<DType, Datatype>> = {
  float32: 'FP32',
  int32: 'INT32',
  bool: 'BOOL',
};

/** @throws HttpError 400 when a program's input does not take what a request says that it sends. */
export function checkDatatype(where: string, datatype: Datatype, dtype: DType): void {
  if (hostTypes[datatype] === dtype) return;
  throw new HttpError(400, `${where}: expected ${datatypeOf[dtype]}, got ${datatype}`);
}

/**
 * A tensor of a request.
 * @param binary its bytes, little-endian, where they follow the JSON
 * @throws HttpError 400 when data and shape do not agree, or a value is not finite or does not fit.
 */
export function readTensor(wire: WireInput, binary: Uint8Array | undefined): HostTensor {
  const { name, shape, datatype } = wire;
  const where = `input '${name}'`;
  const dtype = hostTypes[datatype];
  const count = sizeOf(shape);
  if (binary === undefined) {
    if (wire.data === undefined) throw new HttpError(400, `${where}: there is neither data nor binary data`);
    return hostTensor(dtype, shape, flatten(where, dtype, count, wire.data));
  }
  const expected = count * bytesOf[datatype];
  if (binary.length !== expected) {
    throw new HttpError(
      400,
      `${where}: ${datatype} [${shape}] needs ${expected} bytes, got ${binary.length}`,
    );
  }
  return hostTensor(dtype, shape, fromBytes(where, datatype, binary, count));
}

function fromBytes(where: string, datatype: Datatype, bytes: Uint8Array, count: number): HostTensor['data'] {
  // A copy starts where typed arrays may: the JSON before it has any length. (Buffer's `slice` would be no copy.)
  const { buffer } = new Uint8Array(bytes);
  if (datatype === 'BOOL') return new Uint8Array(buffer).map((value) => Number(value !== 0));
  if (datatype === 'INT32') return new Int32Array(buffer);
  if (datatype === 'FP32') {
    const values = new Float32Array(buffer);
    for (const value of values) {
      if (!Number.isFinite(value))
        throw new HttpError(400, `${where}: expected finite numbers, got ${value}`);
    }
    return values;
  }
  // In halves, the low one first: numbers of 64 bits are objects to JavaScript, and there may be millions.
  const halves = new Int32Array(buffer);
  const values = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const value = halves[2 * i]!;
    values[i] = value;
    if (halves[2 * i + 1] === value >> 31) continue;
    const wide = new BigInt64Array(buffer)[i];
    throw new HttpError(400, `${where}: ${wide} does not fit in 32 bits, which the model takes`);
  }
  return values;
}

/** What a request's tensor is to a program: rows of it, or its scalar. */
export type FittedInput =
  | { readonly kind: 'scalar'; readonly value: number }
  | { readonly kind: 'rows'; readonly tensor: HostTensor; readonly count: number };

/**
 * A tensor as the program's input takes it. A scalar comes as [], [1] or [N, 1] with equal rows, as servers send it
 * that batch every input; a class, which has no shape beyond its row, as [N] or [N, 1].
 * @throws HttpError 400 when the shape does not fit.
 */
export function fitInput(where: string, spec: InputSpec, tensor: HostTensor): FittedInput {
  const { shape, data } = tensor;
  const last = shape.at(-1);
  if (spec.role === 'scalar') {
    const fits = shape.length === 0 || (last === 1 && shape.length <= 2) || shape.length === 1;
    if (!fits || data.length === 0 || data.some((value) => value !== data[0])) {
      throw new HttpError(
        400,
        `${where}: expected one number, as [1] or as [N, 1] with equal rows, got [${shape}]`,
      );
    }
    return { kind: 'scalar', value: data[0]! };
  }
  const inner = spec.shape.length === 0 && shape.length === 2 && last === 1 ? [] : shape.slice(1);
  if (shape.length === 0 || String(inner) !== String(spec.shape)) {
    throw new HttpError(400, `${where}: expected shape [${['N', ...spec.shape]}], got [${shape}]`);
  }
  const count = shape[0]!;
  if (count === 0) throw new HttpError(400, `${where}: expected at least one row, got none`);
  return { kind: 'rows', count, tensor: hostTensor(tensor.dtype, [count, ...spec.shape], data) };
}

/** A tensor's bytes, little-endian, row-major. */
export function tensorBytes({ data }: HostTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
