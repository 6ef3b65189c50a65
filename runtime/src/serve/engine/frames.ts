import { Buffer } from 'node:buffer';
import type { Writable } from 'node:stream';
import { DefaultDeserializer, DefaultSerializer } from 'node:v8';
import type { MemoryPool } from './memory-pool.ts';
import type { SharedMemory } from './shared-memory.ts';

/**
 * Messages between processes: what `structuredClone` takes, but typed arrays travel apart from the rest, from their own
 * memory to memory of their own, where a serializer would copy each twice more. A frame is three 32-bit counts (bytes of
 * the head, number of parts, and where those are: 0 for after the head, else 1 + the place in shared memory), the length
 * of each part, the head, and the parts.
 */

const arrayTypes = [Uint8Array, Float32Array, Int32Array] as const;
type Part = InstanceType<(typeof arrayTypes)[number]>;
const prefaceBytes = 12;
/** Parts of up to so many bytes are sent with the head: a copy costs less than another call of the system. */
const smallParts = 16_384;

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

/** A place of shared memory that a message's typed arrays may take. */
export interface Place {
  readonly memory: SharedMemory;
  readonly place: number;
}

/**
 * Writes a message.
 * @param shared where its typed arrays may go instead of into the stream
 * @returns whether its typed arrays were copied; where they were not, they must stay as they are until the stream has
 *   sent them
 * @throws when it holds what cannot be cloned, or a typed array that is neither of bytes nor of a tensor.
 */
export function writeFrame(stream: Writable, message: unknown, shared?: Place): boolean {
  const writer = new HeadWriter();
  writer.writeHeader();
  writer.writeValue(message);
  const head = writer.releaseBuffer();
  const { parts } = writer;
  const bytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const small = bytes <= smallParts;
  const apart = !small && (shared?.memory.write(shared.place, parts) ?? false);
  const lengths = parts.map(({ byteLength }) => byteLength);
  const counts = Uint32Array.of(head.length, parts.length, apart ? 1 + shared!.place : 0, ...lengths);
  const preface = [new Uint8Array(counts.buffer), head];
  if (apart || small) {
    stream.write(Buffer.concat(apart ? preface : [...preface, ...parts.map(bytesOf)]));
    return true;
  }
  stream.cork();
  stream.write(Buffer.concat(preface));
  for (const part of parts) if (part.byteLength > 0) stream.write(bytesOf(part));
  stream.uncork();
  return false;
}

function bytesOf({ buffer, byteOffset, byteLength }: Part): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** What of a frame is being filled. */
type Stage = 'preface' | 'lengths' | 'head' | 'part';

/** Puts messages together from the bytes of a stream, cut anywhere. */
export class FrameReader {
  readonly #onMessage: (message: unknown) => void;
  readonly #memory: SharedMemory | null;
  readonly #pool: MemoryPool | null;
  #stage: Stage = 'preface';
  #target: Uint8Array<ArrayBuffer> = new Uint8Array(prefaceBytes);
  #filled = 0;
  #headBytes = 0;
  #place = 0;
  #lengths: Uint32Array = new Uint32Array();
  #head: Uint8Array<ArrayBuffer> = new Uint8Array();
  #parts: Uint8Array<ArrayBuffer>[] = [];

  /**
   * @param memory where typed arrays may be that are not in the stream
   * @param pool that theirs is taken from
   */
  constructor(
    onMessage: (message: unknown) => void,
    { memory = null, pool = null }: { memory?: SharedMemory | null; pool?: MemoryPool | null } = {},
  ) {
    this.#onMessage = onMessage;
    this.#memory = memory;
    this.#pool = pool;
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
      const [headBytes, parts, place] = new Uint32Array(target.buffer);
      this.#headBytes = headBytes!;
      this.#place = place!;
      this.#fill('lengths', 4 * parts!);
    } else if (this.#stage === 'lengths') {
      this.#lengths = new Uint32Array(target.buffer);
      this.#fill('head', this.#headBytes);
    } else if (this.#stage === 'head') {
      this.#head = target;
      this.#parts = this.#place === 0 ? [] : this.#sharedParts(this.#place - 1);
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

  #sharedParts(place: number): Uint8Array<ArrayBuffer>[] {
    if (this.#memory === null) throw new Error('a frame refers to shared memory where there is none');
    let offset = 0;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for (const bytes of this.#lengths) {
      const part = new Uint8Array(this.#pool?.take(bytes) ?? new ArrayBuffer(bytes));
      this.#memory.read(place, offset, part);
      parts.push(part);
      offset += bytes;
    }
    return parts;
  }

  #fill(stage: Stage, bytes: number): void {
    this.#stage = stage;
    this.#target = new Uint8Array(bytes);
    this.#filled = 0;
  }
}
