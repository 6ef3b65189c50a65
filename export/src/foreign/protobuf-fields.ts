import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** One field of an encoded protobuf message. */
export interface Field {
  readonly number: number;
  /** The field as it stands in the message, tag included. */
  readonly raw: Uint8Array;
  /** What a length-delimited field holds: a text, bytes, an embedded message, or packed numbers. */
  readonly content?: Uint8Array;
  readonly integer?: number;
}

/**
 * Splits a message into its fields, in their order.
 * @throws RangeError or Error when the bytes are no message.
 */
export function readFields(bytes: Uint8Array): Field[] {
  const reader = new BinaryReader(bytes);
  const fields: Field[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, type] = reader.tag();
    const place = () => bytes.subarray(start, reader.pos);
    if (type === WireType.LengthDelimited) {
      const content = reader.bytes();
      fields.push({ number, raw: place(), content });
    } else if (type === WireType.Varint) {
      const integer = Number(reader.int64());
      fields.push({ number, raw: place(), integer });
    } else {
      reader.skip(type, number);
      fields.push({ number, raw: place() });
    }
    if (reader.pos > reader.len) throw new RangeError('the message ends within a field');
  }
  return fields;
}

/** The contents of all length-delimited fields of a number. */
export function contents(fields: readonly Field[], number: number): Uint8Array[] {
  return fields.flatMap((field) => (field.number === number && field.content ? [field.content] : []));
}

/** The last text of a number, as protobuf has it; empty when there is none. */
export function text(fields: readonly Field[], number: number): string {
  const last = contents(fields, number).at(-1);
  return last === undefined ? '' : new TextDecoder().decode(last);
}

/** The last integer of a number; undefined when there is none. */
export function integer(fields: readonly Field[], number: number): number | undefined {
  return fields.findLast((field) => field.number === number && field.integer !== undefined)?.integer;
}

/** A length-delimited field. */
export function encodeField(number: number, content: Uint8Array | string): Uint8Array {
  const writer = new BinaryWriter().tag(number, WireType.LengthDelimited);
  return (typeof content === 'string' ? writer.string(content) : writer.bytes(content)).finish();
}

/** The bytes one after the other. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
