import { allocate, type DType, type HostTensor, hostTensor, sizeOf } from '../../program/tensor.ts';
import { HttpError } from './http-error.ts';
import { isNumberList, type NumberList } from './json/number-list.ts';
import { show } from './json-body.ts';

/**
 * Numbers from lists nested in any way, in order.
 * @param where what errors call the value
 * @param count how many there must be
 * @throws HttpError 400 when there are more or fewer, or one is not a number of the type.
 */
export function flatten(where: string, dtype: DType, count: number, value: unknown): HostTensor['data'] {
  const found = isNumberList(value) ? value.numbers.length : countValues(value);
  // Before memory is taken for what a shape says.
  if (found !== count) throw new HttpError(400, `${where}: expected ${count} values, got ${found}`);
  if (isNumberList(value) && dtype === 'float32') return singles(where, value.numbers);
  const into = allocate(dtype, count);
  let next = 0;
  const visit = (item: unknown): void => {
    if (Array.isArray(item)) for (const part of item) visit(part);
    else into[next++] = element(where, dtype, item);
  };
  if (isNumberList(value)) for (const number of value.numbers) into[next++] = element(where, dtype, number);
  else visit(value);
  return into;
}

/** As `element` for each, but in one go: there may be millions, and others wait. */
function singles(where: string, numbers: Float64Array): Float32Array {
  const into = new Float32Array(numbers);
  for (let i = 0; i < into.length; i++) {
    if (!Number.isFinite(into[i])) element(where, 'float32', numbers[i]);
  }
  return into;
}

function countValues(value: unknown): number {
  if (!Array.isArray(value)) return 1;
  let count = 0;
  for (const item of value) count += countValues(item);
  return count;
}

function element(where: string, dtype: DType, value: unknown): number {
  if (dtype === 'bool') {
    if (typeof value === 'boolean') return Number(value);
    if (value === 0 || value === 1) return value;
    throw new HttpError(400, `${where}: expected true or false, got ${show(value)}`);
  }
  if (dtype === 'int32') {
    if (typeof value === 'number' && (value | 0) === value) return value;
    throw new HttpError(400, `${where}: expected whole numbers of 32 bits, got ${show(value)}`);
  }
  if (typeof value === 'number' && Number.isFinite(Math.fround(value))) return value;
  throw new HttpError(400, `${where}: expected finite numbers of single precision, got ${show(value)}`);
}

/**
 * Examples or codes from JSON: nested lists [n, ...shape], or one example [...shape], which is taken for n = 1.
 * Every list must have the length that the shape says.
 * @throws HttpError 400 naming the place.
 */
export function tensorFromJson(
  where: string,
  dtype: DType,
  shape: readonly number[],
  value: unknown,
  maxCount: number,
): HostTensor {
  if (isNumberList(value)) return tensorFromNumbers(where, dtype, shape, value, maxCount);
  const rows = depth(value) === shape.length ? [value] : value;
  if (!Array.isArray(rows) || rows.length === 0) {
    throw new HttpError(400, `${where}: expected a list of [${shape}] values, got ${show(value)}`);
  }
  if (rows.length > maxCount) {
    throw new HttpError(400, `${where}: expected at most ${maxCount} examples, got ${rows.length}`);
  }
  rows.forEach((row, i) => {
    checkShape(`${where}[${i}]`, shape, row);
  });
  const full = [rows.length, ...shape];
  return hostTensor(dtype, full, flatten(where, dtype, sizeOf(full), rows));
}

function tensorFromNumbers(
  where: string,
  dtype: DType,
  shape: readonly number[],
  list: NumberList,
  maxCount: number,
): HostTensor {
  const full = list.lengths.length === shape.length ? [1, ...list.lengths] : list.lengths;
  if (String(full.slice(1)) !== String(shape)) {
    throw new HttpError(
      400,
      `${where}: expected lists of [n,${shape}] values, got lists of [${list.lengths}]`,
    );
  }
  if (full[0]! > maxCount) {
    throw new HttpError(400, `${where}: expected at most ${maxCount} examples, got ${full[0]}`);
  }
  return hostTensor(dtype, full, flatten(where, dtype, sizeOf(full), list));
}

function depth(value: unknown): number {
  return Array.isArray(value) ? 1 + depth(value[0]) : 0;
}

function checkShape(where: string, shape: readonly number[], value: unknown): void {
  const [size, ...rest] = shape;
  if (size === undefined) {
    if (Array.isArray(value)) throw new HttpError(400, `${where}: expected a number, got ${show(value)}`);
    return;
  }
  if (!Array.isArray(value) || value.length !== size) {
    throw new HttpError(400, `${where}: expected a list of ${size}, got ${show(value)}`);
  }
  if (rest.length === 0) return;
  for (const [i, part] of value.entries()) checkShape(`${where}[${i}]`, rest, part);
}
