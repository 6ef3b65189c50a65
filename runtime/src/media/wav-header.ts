import { UserError } from '../errors.ts';

/** Codings that are read, by their number in the format chunk. */
const read: Readonly<Record<number, { name: string; bits: readonly number[] }>> = {
  1: { name: 'PCM', bits: [8, 16, 24, 32] },
  3: { name: 'float', bits: [32, 64] },
  6: { name: 'A-law', bits: [8] },
  7: { name: 'mu-law', bits: [8] },
};

/** Names of codings that are not read (RFC 2361 and the registrations after it). */
const otherNames: Readonly<Record<number, string>> = {
  2: 'Microsoft ADPCM',
  16: 'OKI ADPCM',
  17: 'IMA ADPCM',
  49: 'GSM 6.10',
  69: 'G.726 ADPCM',
  80: 'MPEG audio',
  85: 'MP3',
  146: 'Dolby AC-3',
  255: 'AAC',
  353: 'Windows Media Audio',
  354: 'Windows Media Audio',
  26447: 'Ogg Vorbis',
  61868: 'FLAC',
};

const extensible = 0xfffe;
/** What follows the coding's number in the sub-format of WAVE_FORMAT_EXTENSIBLE. */
const subFormatTail = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

interface Chunks {
  readonly format: Uint8Array;
  readonly data: Uint8Array;
  readonly littleEndian: boolean;
}

/**
 * Finds the format and the data of a WAV file (RIFF, RIFX or RF64) and lays them out as the plainest file: the coding
 * named in the format chunk itself, whole frames, sizes that are right. A data size of 0 or 0xffffffff, as programs
 * write it that stream to a pipe, means up to the end of the file.
 * @throws UserError when it is no WAV file, of a coding that is not read, without samples, or cut short.
 */
export function plainWav(
  bytes: Uint8Array,
  where: string,
): { file: Uint8Array; channels: number; sampleRate: number } {
  const { format, data, littleEndian } = chunksOf(bytes, where);
  const view = viewOf(format);
  const tag = view.getUint16(0, littleEndian);
  const coding = tag === extensible ? subFormat(format, littleEndian) : tag;
  const channels = view.getUint16(2, littleEndian);
  const sampleRate = view.getUint32(4, littleEndian);
  const frame = view.getUint16(12, littleEndian);
  const bits = view.getUint16(14, littleEndian);
  const known = coding === null ? undefined : read[coding];
  if (known === undefined) {
    const name =
      coding === null ? 'an unknown sub-format' : (otherNames[coding] ?? `coding 0x${coding.toString(16)}`);
    throw new UserError(
      `${where}: expected PCM, float, A-law or mu-law in the WAV file, found ${name}; convert it to 16-bit PCM`,
    );
  }
  if (!known.bits.includes(bits) || sampleRate < 1 || channels < 1) {
    throw new UserError(
      `${where}: expected ${known.name} of ${known.bits.join(', ')} bits, at least 1 Hz and 1 channel, found ${bits} bits ` +
        `at ${sampleRate} Hz, ${channels} channels; convert it to 16-bit PCM`,
    );
  }
  if (frame !== (channels * bits) / 8) {
    throw new UserError(
      `${where}: expected ${(channels * bits) / 8} bytes for ${channels} channels of ${bits} bits, found ${frame}; convert it again`,
    );
  }
  const whole = data.subarray(0, data.length - (data.length % frame));
  if (whole.length === 0)
    throw new UserError(`${where}: expected sound, found a WAV file of no samples; remove it`);
  const plain = Uint8Array.from(format.subarray(0, 16));
  viewOf(plain).setUint16(0, coding!, littleEndian);
  return { file: joined(plain, whole, littleEndian), channels, sampleRate };
}

function chunksOf(bytes: Uint8Array, where: string): Chunks {
  const view = viewOf(bytes);
  const kind = text(bytes, 0);
  if (!['RIFF', 'RIFX', 'RF64'].includes(kind) || text(bytes, 8) !== 'WAVE') {
    throw new UserError(`${where}: expected a WAV file, found something else; convert or remove it`);
  }
  const littleEndian = kind !== 'RIFX';
  let format: Uint8Array | null = null;
  let longSize: number | null = null;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = text(bytes, at);
    const size = view.getUint32(at + 4, littleEndian);
    const body = bytes.subarray(at + 8, at + 8 + size);
    if (name === 'ds64' && body.length >= 16) longSize = Number(viewOf(body).getBigUint64(8, true));
    if (name === 'fmt ' && body.length >= 16) format = body;
    if (name === 'data') {
      if (format === null) break;
      const streamed = size === 0 || size === 0xffffffff;
      const rest = bytes.subarray(at + 8);
      const wanted = streamed ? (size === 0 ? null : longSize) : size;
      if (wanted !== null && rest.length < wanted) {
        throw new UserError(
          `${where}: expected ${wanted} bytes of sound, found ${rest.length}; the file is cut short, fetch it again`,
        );
      }
      return { format, data: wanted === null ? rest : rest.subarray(0, wanted), littleEndian };
    }
    at += 8 + size + (size % 2);
  }
  const missing = format === null ? 'a format' : 'sound data';
  throw new UserError(
    `${where}: expected a WAV file, found one without ${missing}; fetch it again or remove it`,
  );
}

function subFormat(format: Uint8Array, littleEndian: boolean): number | null {
  const tail = format.subarray(26, 40);
  if (tail.length < 14 || (littleEndian && subFormatTail.some((byte, at) => tail[at] !== byte))) return null;
  return viewOf(format).getUint16(24, littleEndian);
}

function joined(format: Uint8Array, data: Uint8Array, littleEndian: boolean): Uint8Array {
  const out = new Uint8Array(28 + format.length + data.length);
  const view = viewOf(out);
  const put = (at: number, name: string, size: number) => {
    for (let i = 0; i < 4; i++) out[at + i] = name.charCodeAt(i);
    view.setUint32(at + 4, size, littleEndian);
  };
  put(0, littleEndian ? 'RIFF' : 'RIFX', out.length - 8);
  for (let i = 0; i < 4; i++) out[8 + i] = 'WAVE'.charCodeAt(i);
  put(12, 'fmt ', format.length);
  out.set(format, 20);
  put(20 + format.length, 'data', data.length);
  out.set(data, 28 + format.length);
  return out;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function text(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
