import { Buffer } from 'node:buffer';
import type { Writable } from 'node:stream';
import { DefaultDeserializer, DefaultSerializer } from 'node:v8';

/**
 * Messages between processes: what `structuredClone` takes, but typed arrays travel apart from the rest, from their own
 * memory to memory of their own, where a serializer would copy each twice more. A frame is two 32-bit counts (bytes of
 * the head, number of parts), the length of each part, the head, and the parts.
 */

const arrayTypes = [Uint8Array, Float32Array, Int32Array] as const;
type Part = InstanceType<(typeof arrayTypes)[number]>;
const prefaceBytes = 8;

class HeadWriter extends DefaultSerializer {
  readonly parts: Part[] = [];

  /** Called by V8 for each typed array, once. */
  _writeHostObject(view: Part): void {
    const type = arrayTypes.findIndex((arrayType) => view instanceof arrayType);
    if (type === -1) throw new Error(`a frame takes no ${Object.prototype.toString.call(view)}`);
    this.writeUint32(type);
    this.writeUint32(this.parts.length);
    this.parts.push(view);
  }
}

class HeadReader extends DefaultDeserializer {
  readonly #parts: readonly Uint8Array<ArrayBuffer>[];

  constructor(head: Uint8Array, parts: readonly Uint8Array<ArrayBuffer>[]) {
    super(head);
    this.#parts = parts;
  }

  /** Called by V8 where `_writeHostObject` wrote. */
  _readHostObject(): Part {
    const type = this.readUint32();
    const { buffer } = this.#parts[this.readUint32()]!;
    return new arrayTypes[type]!(buffer);
  }
}

/**
 * Writes a message. Its typed arrays are not copied: they must stay as they are until the stream has sent them.
 * @throws when it holds what cannot be cloned, or a typed array that is neither of bytes nor of a tensor.
 */
export function writeFrame(stream: Writable, message: unknown): void {
  const writer = new HeadWriter();
  writer.writeHeader();
  writer.writeValue(message);
  const head = writer.releaseBuffer();
  const { parts } = writer;
  const counts = Uint32Array.of(head.length, parts.length, ...parts.map(({ byteLength }) => byteLength));
  stream.cork();
  stream.write(Buffer.concat([new Uint8Array(counts.buffer), head]));
  for (const { buffer, byteOffset, byteLength } of parts) {
    if (byteLength > 0) stream.write(Buffer.from(buffer, byteOffset, byteLength));
  }
  stream.uncork();
}

/** What of a frame is being filled. */
type Stage = 'preface' | 'lengths' | 'head' | 'part';

/** Puts messages together from the bytes of a stream, cut anywhere. */
export class FrameReader {
  readonly #onMessage: (message: unknown) => void;
  #stage: Stage = 'preface';
  #target: Uint8Array<ArrayBuffer> = new Uint8Array(prefaceBytes);
  #filled = 0;
  #headBytes = 0;
  #lengths: Uint32Array = new Uint32Array();
  #head: Uint8Array<ArrayBuffer> = new Uint8Array();
  #parts: Uint8Array<ArrayBuffer>[] = [];

  constructor(onMessage: (message: unknown) => void) {
    this.#onMessage = onMessage;
  }

  push(bytes: Uint8Array): void {
    let offset = 0;
    while (offset < bytes.length) {
      const count = Math.min(this.#target.length - this.#filled, bytes.length - offset);
      this.#target.set(bytes.subarray(offset, offset + count), this.#filled);
      offset += count;
      this.#filled += count;
      while (this.#filled === this.#target.length) this.#advance();
    }
  }

  #advance(): void {
    const target = this.#target;
    if (this.#stage === 'preface') {
      const [headBytes, parts] = new Uint32Array(target.buffer);
      this.#headBytes = headBytes!;
      this.#fill('lengths', 4 * parts!);
    } else if (this.#stage === 'lengths') {
      this.#lengths = new Uint32Array(target.buffer);
      this.#fill('head', this.#headBytes);
    } else if (this.#stage === 'head') {
      this.#head = target;
      this.#parts = [];
      this.#nextPart();
    } else {
      this.#parts.push(target);
      this.#nextPart();
    }
  }

  #nextPart(): void {
    const bytes = this.#lengths[this.#parts.length];
    if (bytes !== undefined) {
      this.#fill('part', bytes);
      return;
    }
    const reader = new HeadReader(this.#head, this.#parts);
    this.#fill('preface', prefaceBytes);
    reader.readHeader();
    this.#onMessage(reader.readValue());
  }

  #fill(stage: Stage, bytes: number): void {
    this.#stage = stage;
    this.#target = new Uint8Array(bytes);
    this.#filled = 0;
  }
}
