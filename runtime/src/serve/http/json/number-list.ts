import { HttpError } from '../http-error.ts';

/** Numbers from lists nested in a regular way, in order: what is left of large lists when they come to the main thread. */
export interface NumberList {
  /** Lengths of the lists, the outermost first. */
  readonly lengths: readonly number[];
  readonly numbers: Float64Array;
}

/** JSON has no typed arrays, so no body can pass for one. */
export function isNumberList(value: unknown): value is NumberList {
  return typeof value === 'object' && value !== null && (value as NumberList).numbers instanceof Float64Array;
}

/**
 * A parsed body in which every list of more than `keep` numbers is a `NumberList`, to be handed to another thread at
 * little cost.
 * @throws HttpError 400 when a list of such a size is irregular, or holds what is no number.
 */
export function compactLists(value: unknown, keep: number): unknown {
  let left = 0;
  const visit = (item: unknown, where: string): unknown => {
    if (++left > 16 * keep)
      throw new HttpError(400, 'the body has too many values outside of its lists of numbers');
    if (Array.isArray(item)) {
      const lengths = lengthsOf(item);
      const size = lengths.reduce((product, length) => product * length, 1);
      if (size > keep && !holdsObjects(item)) return { lengths, numbers: gather(where, item, lengths, size) };
      return item.map((part, i) => visit(part, `${where}[${i}]`));
    }
    if (typeof item !== 'object' || item === null) return item;
    return Object.fromEntries(
      Object.entries(item).map(([name, part]) => [
        name,
        visit(part, where === '' ? name.slice(0, 60) : `${where}.${name.slice(0, 60)}`),
      ]),
    );
  };
  return visit(value, '');
}

/** By the first item of each list. */
function lengthsOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...lengthsOf(value[0])] : [];
}

function holdsObjects(value: unknown): boolean {
  if (Array.isArray(value)) return holdsObjects(value[0]);
  return typeof value === 'object' && value !== null;
}

function gather(
  where: string,
  list: readonly unknown[],
  lengths: readonly number[],
  size: number,
): Float64Array {
  const numbers = new Float64Array(size);
  let next = 0;
  const irregular = (axis: number) => {
    const expected = axis === lengths.length ? 'a number' : `a list of ${lengths[axis]}`;
    return new HttpError(
      400,
      `${where}: expected lists of equal lengths, of numbers: where value ${next} comes, ${expected}`,
    );
  };
  const visit = (item: unknown, axis: number): void => {
    if (axis === lengths.length) {
      if (typeof item !== 'number') throw irregular(axis);
      numbers[next++] = item;
      return;
    }
    if (!Array.isArray(item) || item.length !== lengths[axis]) throw irregular(axis);
    for (const part of item) visit(part, axis + 1);
  };
  visit(list, 0);
  return numbers;
}
