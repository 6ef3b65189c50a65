import type { HostTensor } from '../../../program/tensor.ts';
import { longestNumber, writeFloat32, writeInt32 } from './number-text.ts';

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
export type AnswerPart = string | TensorPart;

interface TensorPart {
  readonly tensor: HostTensor;
  readonly flat: boolean;
}

/** Bytes of a chunk, about. */
const chunkBytes = 2 ** 19;
const encoder = new TextEncoder();
const [open, close, comma] = [91, 93, 44];

/**
 * The text of an answer, in chunks of UTF-8. Lists are nested as NumPy's `tolist` has them; a float32 has the fewest
 * digits that name it, and values that are not finite become null.
 */
export function* answerBytes(parts: readonly AnswerPart[]): Generator<Uint8Array<ArrayBuffer>, void> {
  let chunk = room(firstBytes(parts));
  let at = 0;
  for (const part of parts) {
    const text = typeof part === 'string' ? part : part.tensor.data.length === 0 ? emptyText(part) : null;
    if (text !== null) {
      const bytes = encoder.encode(text);
      if (at + bytes.length > chunk.length) {
        yield chunk.subarray(0, at);
        chunk = room(Math.max(chunkBytes, bytes.length));
        at = 0;
      }
      chunk.set(bytes, at);
      at += bytes.length;
      continue;
    }
    const writer = new TensorWriter(part as TensorPart);
    for (;;) {
      at = writer.write(chunk, at);
      if (writer.done) break;
      yield chunk.subarray(0, at);
      chunk = room(Math.max(chunkBytes, 2 * writer.room));
      at = 0;
    }
  }
  if (at > 0) yield chunk.subarray(0, at);
}

/** Memory of its own, which may be handed to another thread, with anything in it: what is sent of it was written. */
function room(bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer as ArrayBuffer);
}

/** Room for all of a short answer. */
function firstBytes(parts: readonly AnswerPart[]): number {
  let bytes = 0;
  for (const part of parts) {
    bytes += typeof part === 'string' ? 3 * part.length : roomOf(part) * (1 + part.tensor.data.length);
    if (bytes > chunkBytes) return chunkBytes;
  }
  return bytes;
}

/** Bytes that a value with its brackets may take. */
function roomOf({ tensor, flat }: TensorPart): number {
  return longestNumber + 2 * (flat ? 1 : tensor.shape.length) + 1;
}

/** Writes a tensor, as much at a time as there is room for. */
class TensorWriter {
  /** Bytes that a value with its brackets may take. */
  readonly room: number;
  done = false;
  readonly #data: HostTensor['data'];
  readonly #lengths: readonly number[];
  readonly #write: (out: Uint8Array, at: number, value: number) => number;
  /** Values, or lists, that are written of the list at each depth. */
  readonly #counts: number[];
  #next = 0;

  constructor(part: TensorPart) {
    const { dtype, data, shape } = part.tensor;
    const { flat } = part;
    this.#data = data;
    this.#lengths = flat ? [data.length] : shape;
    this.#counts = this.#lengths.map(() => 0);
    this.#write = dtype === 'bool' ? writeBool : dtype === 'int32' ? writeInt32 : writeFloat32;
    this.room = roomOf(part);
  }

  /** @returns where the text ends; `done` says whether all is written */
  write(out: Uint8Array, at: number): number {
    const data = this.#data;
    const write = this.#write;
    const last = this.#lengths.length - 1;
    const length = this.#lengths[last] ?? 1;
    const limit = out.length - this.room;
    let next = this.#next;
    let inList = last >= 0 ? this.#counts[last]! : 0;
    while (next < data.length && at <= limit) {
      if (next === 0) for (let depth = 0; depth <= last; depth++) out[at++] = open;
      at = write(out, at, data[next]!);
      next++;
      inList++;
      if (inList < length) {
        out[at++] = comma;
        continue;
      }
      inList = 0;
      const closed = this.#close(last);
      for (let depth = 0; depth < closed; depth++) out[at++] = close;
      if (next === data.length) continue;
      out[at++] = comma;
      for (let depth = 0; depth < closed; depth++) out[at++] = open;
    }
    if (last >= 0) this.#counts[last] = inList;
    this.#next = next;
    this.done = next === data.length;
    return at;
  }

  /** The innermost list is full. @returns how many lists end with it */
  #close(last: number): number {
    if (last < 0) return 0;
    let closed = 1;
    for (let depth = last - 1; depth >= 0; depth--) {
      if (++this.#counts[depth]! < this.#lengths[depth]!) break;
      this.#counts[depth] = 0;
      closed++;
    }
    return closed;
  }
}

function writeBool(out: Uint8Array, at: number, value: number): number {
  const text = value === 0 ? 'false' : 'true';
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
  return at + text.length;
}

function emptyText({ tensor, flat }: TensorPart): string {
  const lists = ([length = 0, ...rest]: readonly number[]): string =>
    length === 0 ? '[]' : `[${Array.from({ length }, () => lists(rest)).join(',')}]`;
  return flat ? '[]' : lists(tensor.shape);
}
