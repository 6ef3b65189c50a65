import {
  type DescField,
  type DescMessage,
  fromBinary,
  type MessageShape,
  ScalarType,
} from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { HttpError } from '../http/http-error.ts';

/** Fields that a message may have, those of its parts included: building objects takes longer than reading bytes. */
const mostFields = 4096;

/**
 * Reads a message.
 * @param mostElements numbers that its lists may have
 * @throws HttpError 400 when it is no such message, or has more than any request needs.
 */
export function readMessage<T extends DescMessage>(
  type: T,
  bytes: Uint8Array,
  mostElements = 0,
): MessageShape<T> {
  try {
    const left = { fields: mostFields, elements: mostElements };
    count(bytes, type, left);
    if (left.fields < 0) throw new HttpError(400, `the message has more than ${mostFields} fields`);
    if (left.elements < 0) {
      throw new HttpError(
        400,
        `the message has more than the ${mostElements} values that a request can need`,
      );
    }
    return fromBinary(type, bytes, { readUnknownFields: false });
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, `the message is not of the type ${type.typeName}`);
  }
}

interface Left {
  fields: number;
  elements: number;
}

/** Counts the fields and elements of a message without building it. */
function count(bytes: Uint8Array, type: DescMessage, left: Left): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < bytes.length && left.fields >= 0 && left.elements >= 0) {
    const [number, wireType] = reader.tag();
    left.fields--;
    const field = type.fields.find((one) => one.number === number);
    if (wireType !== WireType.LengthDelimited || field === undefined) {
      reader.skip(wireType, number);
      continue;
    }
    const value = reader.bytes();
    const inner = messageOf(field);
    if (inner !== undefined) count(value, inner, left);
    else if (field.fieldKind === 'list' && field.listKind === 'scalar') {
      left.elements -= elementsOf(field.scalar, value);
    }
  }
}

/** Maps have values of one field each. */
function messageOf(field: DescField): DescMessage | undefined {
  if (field.fieldKind === 'message') return field.message;
  return field.fieldKind === 'list' && field.listKind === 'message' ? field.message : undefined;
}

/** Numbers in a packed list: those of varying length end with a byte below 128. */
function elementsOf(type: ScalarType, bytes: Uint8Array): number {
  switch (type) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return 0;
    case ScalarType.FLOAT:
      return bytes.length / 4;
    case ScalarType.DOUBLE:
      return bytes.length / 8;
    default: {
      let ends = 0;
      for (const byte of bytes) if (byte < 128) ends++;
      return ends;
    }
  }
}
