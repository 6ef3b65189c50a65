import { type HostTensor, sizeOf } from '../../../program/tensor.ts';

/** A tensor in an answer. */
export class TensorText {
  readonly tensor: HostTensor;
  /** One list of all values, instead of lists as the shape says. */
  readonly flat: boolean;

  constructor(tensor: HostTensor, flat = false) {
    this.tensor = tensor;
    this.flat = flat;
  }
}

/** What an answer is made of: text as it is, and tensors as `HostTensor`, nested or flat. */
export type AnswerPart = string | { readonly tensor: HostTensor; readonly flat: boolean };

/** About so many characters in one chunk. */
const chunkCharacters = 2 ** 18;

/**
 * The text of an answer, in chunks. Lists are as NumPy's `tolist` writes them; values that are not finite become null.
 */
export function* answerText(parts: Iterable<AnswerPart>): Generator<string, void> {
  let text = '';
  for (const part of parts) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    for (const more of tensorText(part)) {
      text += more;
      if (text.length < chunkCharacters) continue;
      yield text;
      text = '';
    }
  }
  if (text !== '') yield text;
}

const valuesAtOnce = 4096;

function* tensorText({ tensor, flat }: Exclude<AnswerPart, string>): Generator<string, void> {
  const { dtype, data } = tensor;
  const shape = flat ? [data.length] : tensor.shape;
  // sizes[k]: values of a list at depth k.
  const sizes = shape.map((_, axis) => sizeOf(shape.slice(axis)));
  const write = dtype === 'bool' ? (value: number) => String(value !== 0) : number;
  if (sizes[0] === 0) {
    yield emptyText(shape);
    return;
  }
  let text = '';
  for (let i = 0; i < data.length; i++) {
    for (const size of sizes) if (i % size === 0) text += '[';
    text += write(data[i]!);
    let closed = 0;
    for (let axis = sizes.length - 1; axis >= 0 && (i + 1) % sizes[axis]! === 0; axis--) closed++;
    text += ']'.repeat(closed);
    if (i + 1 < data.length) text += ',';
    if (i % valuesAtOnce !== valuesAtOnce - 1) continue;
    yield text;
    text = '';
  }
  yield text;
}

/** As `JSON.stringify` writes it. */
function number(value: number): string {
  return Number.isFinite(value) ? String(value) : 'null';
}

function emptyText([length = 0, ...rest]: readonly number[]): string {
  if (length === 0) return '[]';
  return `[${Array.from({ length }, () => emptyText(rest)).join(',')}]`;
}
