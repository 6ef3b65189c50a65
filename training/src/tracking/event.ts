import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/**
 * The messages of TensorFlow's event.proto and summary.proto that a run needs, by the field numbers of those files;
 * TensorBoard reads them.
 */
export type EventContent =
  /** The first event of a file. */
  | { readonly kind: 'version' }
  /** Training starts at the event's step: readers forget what they saw of it and later. */
  | { readonly kind: 'start' }
  | { readonly kind: 'summary'; readonly values: readonly SummaryValue[] };

export type SummaryValue = { readonly tag: string } & (
  | { readonly scalar: number }
  | { readonly png: Uint8Array; readonly width: number; readonly height: number }
  | {
      readonly wav: Uint8Array;
      readonly sampleRate: number;
      readonly channels: number;
      readonly frames: number;
    }
);

const fields = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 };
const valueFields = { tag: 1, scalar: 2, image: 4, audio: 6 };
/** SessionLog.SessionStatus.START */
const sessionStart = 1;
/** Colour spaces of Summary.Image: grey, RGB, RGBA. Viewers decode the PNG and ignore it; 3 is RGB. */
const rgb = 3;

/** An event. @param wallTime seconds since 1970 */
export function encodeEvent(wallTime: number, step: number, content: EventContent): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(fields.wallTime, WireType.Bit64).double(wallTime);
  writer.tag(fields.step, WireType.Varint).int64(step);
  if (content.kind === 'version') {
    writer.tag(fields.fileVersion, WireType.LengthDelimited).string('brain.Event:2');
  } else if (content.kind === 'start') {
    writer.tag(fields.sessionLog, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.Varint).int32(sessionStart).join();
  } else {
    writer.tag(fields.summary, WireType.LengthDelimited).fork();
    for (const value of content.values) writeValue(writer, value);
    writer.join();
  }
  return writer.finish();
}

function writeValue(writer: BinaryWriter, value: SummaryValue): void {
  writer.tag(1, WireType.LengthDelimited).fork();
  writer.tag(valueFields.tag, WireType.LengthDelimited).string(value.tag);
  if ('scalar' in value) {
    writer.tag(valueFields.scalar, WireType.Bit32).float(value.scalar);
  } else if ('png' in value) {
    writer.tag(valueFields.image, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.Varint).int32(value.height);
    writer.tag(2, WireType.Varint).int32(value.width);
    writer.tag(3, WireType.Varint).int32(rgb);
    writer.tag(4, WireType.LengthDelimited).bytes(value.png).join();
  } else {
    writer.tag(valueFields.audio, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.Bit32).float(value.sampleRate);
    writer.tag(2, WireType.Varint).int64(value.channels);
    writer.tag(3, WireType.Varint).int64(value.frames);
    writer.tag(4, WireType.LengthDelimited).bytes(value.wav);
    writer.tag(5, WireType.LengthDelimited).string('audio/wav').join();
  }
  writer.join();
}

/** The step of an encoded event, and whether it is a summary. @throws when the bytes are no protobuf message. */
export function readEvent(bytes: Uint8Array): { step: number; isSummary: boolean } {
  const reader = new BinaryReader(bytes);
  let step = 0;
  let isSummary = false;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === fields.step) step = Number(reader.int64());
    else {
      isSummary ||= field === fields.summary;
      reader.skip(type);
    }
  }
  return { step, isSummary };
}
