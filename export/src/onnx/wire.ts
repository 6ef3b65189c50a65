import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** A protobuf message as its fields by number, undecoded: enough for tests to look inside a written program. */
export type WireMessage = Map<number, (Uint8Array | number)[]>;

/** Splits an encoded message into its fields; 64-bit integers become numbers, embedded messages stay bytes. */
export function readWire(bytes: Uint8Array): WireMessage {
  const reader = new BinaryReader(bytes);
  const fields: WireMessage = new Map();
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const value = readField(reader, type);
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

function readField(reader: BinaryReader, type: WireType): Uint8Array | number {
  switch (type) {
    case WireType.Varint:
      return Number(reader.int64());
    case WireType.Bit32:
      return reader.float();
    case WireType.LengthDelimited:
      return reader.bytes();
    default:
      throw new Error(`unexpected wire type ${type}`);
  }
}

/** The embedded messages of a field. */
export function messages(message: WireMessage, field: number): WireMessage[] {
  return (message.get(field) ?? []).map((bytes) => readWire(bytes as Uint8Array));
}

/** The strings of a field. */
export function texts(message: WireMessage, field: number): string[] {
  return (message.get(field) ?? []).map((bytes) => new TextDecoder().decode(bytes as Uint8Array));
}
