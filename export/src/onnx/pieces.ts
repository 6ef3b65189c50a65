import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/**
 * A protobuf message as the pieces that it consists of. A message within a message begins with its length, so that a
 * writer of bytes copies the weights once for each message around them; here they are copied once, by `join`.
 */
export class Pieces {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  /** Bytes of the message. */
  get length(): number {
    return this.#length;
  }

  /** Appends encoded fields. The bytes are not copied: they must stay as they are until `join`. */
  add(bytes: Uint8Array): this {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  /** Appends a length-delimited field. */
  field(number: number, content: Uint8Array | Pieces): this {
    this.add(lengthPrefix(number, content.length));
    if (content instanceof Uint8Array) return this.add(content);
    for (const piece of content.#pieces) this.add(piece);
    return this;
  }

  /** The whole message. */
  join(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }
}

function lengthPrefix(number: number, length: number): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).int64(length).finish();
}
