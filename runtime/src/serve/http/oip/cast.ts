import { allocate, type DType, type HostTensor } from '../../../program/tensor.ts';
import { HttpError } from '../http-error.ts';
import { isNumberList } from '../json/number-list.ts';
import { show } from '../json-body.ts';

/** Bits of the protocol's whole numbers; those below zero are signed. */
const integers = {
  INT8: -8,
  INT16: -16,
  INT32: -32,
  INT64: -64,
  UINT8: 8,
  UINT16: 16,
  UINT32: 32,
  UINT64: 64,
};
const floats = { FP16: 2, BF16: 2, FP32: 4, FP64: 8 };
type Integer = keyof typeof integers;

/** Element types of the protocol that are taken: those that programs do not have become those they have. */
export const datatypes = [
  ...(['BOOL', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'INT32', 'INT64'] as const),
  ...(['FP16', 'BF16', 'FP32', 'FP64'] as const),
] as const;
export type Datatype = (typeof datatypes)[number];

/** Bytes of one element. */
export function bytesOfType(datatype: Datatype): number {
  if (datatype === 'BOOL') return 1;
  return datatype in integers ? Math.abs(integers[datatype as Integer]) / 8 : floats[datatype as 'FP32'];
}

/** How a tensor of one type becomes one of another. */
export interface Cast {
  /** What errors call the tensor. */
  readonly where: string;
  readonly datatype: Datatype;
  /** What the program takes. */
  readonly dtype: DType;
  /** Values may be rounded, and fractions cut, where the client asks for it. */
  readonly lossy: boolean;
}

const nameOf: Readonly<Record<DType, Datatype>> = { float32: 'FP32', int32: 'INT32', bool: 'BOOL' };

/**
 * Numbers as the program takes them.
 * @throws HttpError 400 for one that is not finite, does not fit, or would lose digits.
 */
export function castValues(cast: Cast, values: ArrayLike<number | bigint>): HostTensor['data'] {
  if (values instanceof BigInt64Array && cast.dtype === 'int32') return narrowed(cast, values);
  const into = allocate(cast.dtype, values.length);
  for (let i = 0; i < values.length; i++) into[i] = castValue(cast, values[i]!);
  return into;
}

/** In halves, the low one first: numbers of 64 bits are objects to JavaScript, and there may be millions. */
function narrowed(cast: Cast, wide: BigInt64Array): Int32Array {
  const halves = new Int32Array(wide.buffer);
  const values = new Int32Array(wide.length);
  for (let i = 0; i < values.length; i++) {
    const low = halves[2 * i]!;
    values[i] = halves[2 * i + 1] === low >> 31 ? low : castValue(cast, wide[i]!);
  }
  return values;
}

function castValue({ where, datatype, dtype, lossy }: Cast, value: number | bigint): number {
  const number = Number(value);
  if (!Number.isFinite(number)) throw new HttpError(400, `${where}: expected finite numbers, got ${value}`);
  const cast =
    dtype === 'float32' ? Math.fround(number) : dtype === 'int32' ? number | 0 : Number(number !== 0);
  // Compared with the wide number itself: as a double it may have lost digits already. (`==` compares both kinds.)
  // biome-ignore lint/suspicious/noDoubleEquals: a number and a bigint are equal by it when their values are
  if (cast == value) return cast;
  const fits = dtype === 'float32' ? Number.isFinite(cast) : dtype === 'bool' || Math.trunc(number) === cast;
  if (lossy && fits) return cast;
  const to = nameOf[dtype];
  const cure = fits ? `; send ${to}, or the parameter cast: true` : '';
  throw new HttpError(400, `${where}: ${value} of ${datatype} is no ${to}, which the model takes${cure}`);
}

/** Numbers from JSON, lists nested in any way. @throws HttpError 400 for one that the type does not have. */
export function jsonValues(
  where: string,
  datatype: Datatype,
  count: number,
  data: unknown,
): (number | bigint)[] {
  const found = isNumberList(data) ? data.numbers.length : countValues(data);
  // Before anything is built of them.
  if (found !== count) throw new HttpError(400, `${where}: expected ${count} values, got ${found}`);
  const values: (number | bigint)[] = [];
  const visit = (item: unknown): void => {
    if (Array.isArray(item)) for (const part of item) visit(part);
    else values.push(jsonValue(where, datatype, item));
  };
  if (isNumberList(data)) return Array.from(data.numbers, (value) => jsonValue(where, datatype, value));
  visit(data);
  return values;
}

function countValues(value: unknown): number {
  return Array.isArray(value) ? value.reduce<number>((sum, item) => sum + countValues(item), 0) : 1;
}

function jsonValue(where: string, datatype: Datatype, value: unknown): number | bigint {
  if (datatype === 'BOOL') {
    if (typeof value === 'boolean') return Number(value);
    if (value === 0 || value === 1) return value;
    throw new HttpError(400, `${where}: expected true or false, got ${show(value)}`);
  }
  if (!(datatype in integers)) {
    const number =
      typeof value === 'number' ? (datatype === 'FP64' ? value : Math.fround(value)) : Number.NaN;
    if (Number.isFinite(number)) return number;
    throw new HttpError(400, `${where}: expected finite numbers of ${datatype}, got ${show(value)}`);
  }
  // What JSON readers would round may come as digits.
  const whole = Number.isSafeInteger(value) || (typeof value === 'string' && /^-?\d{1,20}$/.test(value));
  const number = whole ? BigInt(value as number | string) : undefined;
  const bits = integers[datatype as Integer];
  const kept =
    number !== undefined && (bits < 0 ? BigInt.asIntN(-bits, number) : BigInt.asUintN(bits, number));
  if (number !== undefined && kept === number) return number;
  throw new HttpError(400, `${where}: expected whole numbers of ${datatype}, got ${show(value)}`);
}

/** Numbers from bytes, little-endian. @param buffer begins with them */
export function binaryValues(datatype: Datatype, buffer: ArrayBuffer): ArrayLike<number | bigint> {
  switch (datatype) {
    case 'BOOL':
      return new Uint8Array(buffer).map((value) => Number(value !== 0));
    case 'INT8':
      return new Int8Array(buffer);
    case 'INT16':
      return new Int16Array(buffer);
    case 'INT32':
      return new Int32Array(buffer);
    case 'INT64':
      return new BigInt64Array(buffer);
    case 'UINT8':
      return new Uint8Array(buffer);
    case 'UINT16':
      return new Uint16Array(buffer);
    case 'UINT32':
      return new Uint32Array(buffer);
    case 'UINT64':
      return new BigUint64Array(buffer);
    case 'FP16':
      return Float32Array.from(new Uint16Array(buffer), halfValue);
    case 'BF16':
      return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer);
    case 'FP32':
      return new Float32Array(buffer);
    case 'FP64':
      return new Float64Array(buffer);
  }
}

/** The value of IEEE 754's binary16. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}
