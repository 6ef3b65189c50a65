import type { InputSpec } from '../../../program/program.ts';
import { type DType, type HostTensor, hostTensor, sizeOf } from '../../../program/tensor.ts';
import { HttpError } from '../http-error.ts';
import { flatten } from '../json-tensor.ts';
import { binaryValues, bytesOfType, type Cast, castValues, type Datatype, jsonValues } from './cast.ts';
import type { WireInput } from './schemas.ts';

/** Names of our element types in the protocol. */
export const datatypeOf: Readonly<Record<DType, Datatype>> = {
  float32: 'FP32',
  int32: 'INT32',
  bool: 'BOOL',
};

/**
 * A tensor of a request, as the program takes it: of another type it is cast where that loses nothing, or where the
 * tensor's or the request's parameter `cast` is true.
 * @param binary its bytes, little-endian, where they follow the JSON
 * @throws HttpError 400 when data and shape do not agree, or a value is not finite or does not fit.
 */
export function readTensor(
  wire: WireInput,
  binary: Uint8Array | undefined,
  { dtype, cast }: { readonly dtype: DType; readonly cast: boolean },
): HostTensor {
  const { name, shape, datatype, parameters } = wire;
  const where = `input '${name}'`;
  const count = sizeOf(shape);
  const how: Cast = { where, datatype, dtype, lossy: parameters?.cast ?? cast };
  const same = datatype === datatypeOf[dtype];
  if (binary === undefined) {
    if (wire.data === undefined) throw new HttpError(400, `${where}: there is neither data nor binary data`);
    const data = same
      ? flatten(where, dtype, count, wire.data)
      : castValues(how, jsonValues(where, datatype, count, wire.data));
    return hostTensor(dtype, shape, data);
  }
  const expected = count * bytesOfType(datatype);
  if (binary.length !== expected) {
    throw new HttpError(
      400,
      `${where}: ${datatype} [${shape}] needs ${expected} bytes, got ${binary.length}`,
    );
  }
  // A copy starts where typed arrays may: the JSON before it has any length. (Buffer's `slice` would be no copy.)
  const values = binaryValues(datatype, new Uint8Array(binary).buffer);
  if (!same) return hostTensor(dtype, shape, castValues(how, values));
  const data = values as HostTensor['data'];
  // A loop: there may be millions, and calls would take ten times as long.
  for (const value of data) {
    if (!Number.isFinite(value)) throw new HttpError(400, `${where}: expected finite numbers, got ${value}`);
  }
  return hostTensor(dtype, shape, data);
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
