import { UserError } from '@generatrix/runtime/core';
import { decodeWav, type Sound } from '@generatrix/runtime/media';
import { FLACDecoder } from '@wasm-audio-decoders/flac';
import { OggVorbisDecoder } from '@wasm-audio-decoders/ogg-vorbis';
import { MPEGDecoder } from 'mpg123-decoder';
import { OggOpusDecoder } from 'ogg-opus-decoder';

/** Lower-case extensions of the sounds that are read. */
export const soundExtensions = new Set(['wav', 'wave', 'flac', 'ogg', 'oga', 'opus', 'mp3']);

interface Decoded {
  readonly channelData: readonly Float32Array[];
  readonly samplesDecoded: number;
  readonly sampleRate: number;
  /** Bits of a sample, of FLAC alone. */
  readonly bitDepth?: number;
  readonly errors: readonly { readonly message: string }[];
}

type Coding = 'FLAC' | 'Ogg Vorbis' | 'Ogg Opus' | 'MP3';

const decoders: Readonly<Record<Coding, (bytes: Uint8Array) => Promise<Decoded>>> = {
  FLAC: (bytes) => decodeOnce(new FLACDecoder(), (decoder) => decoder.decodeFile(bytes)),
  'Ogg Vorbis': (bytes) => decodeOnce(new OggVorbisDecoder(), (decoder) => decoder.decodeFile(bytes)),
  'Ogg Opus': (bytes) => decodeOnce(new OggOpusDecoder(), (decoder) => decoder.decodeFile(bytes)),
  MP3: (bytes) => decodeOnce(new MPEGDecoder(), (decoder) => decoder.decode(bytes)),
};

/**
 * Reads a sound, told by its content: WAV, FLAC, Ogg Vorbis, Ogg Opus or MP3, as one channel, the mean of its
 * channels, in [-1, 1]. Opus comes at 48 kHz, whatever it was made from.
 * @param where what errors call the source, such as a path
 * @throws UserError when it is of another format, broken, or without samples.
 */
export async function decodeSound(bytes: Uint8Array, where: string): Promise<Sound> {
  const coding = codingOf(bytes);
  if (coding === 'WAV') return decodeWav(bytes, where);
  if (coding === null) {
    throw new UserError(
      `${where}: expected WAV, FLAC, Ogg Vorbis, Ogg Opus or MP3, found something else; convert or remove it`,
    );
  }
  const { channelData, samplesDecoded, sampleRate, errors, bitDepth } = await decoders[coding](bytes).catch(
    (error: unknown): Decoded => ({
      channelData: [],
      samplesDecoded: 0,
      sampleRate: 0,
      errors: [{ message: error instanceof Error ? error.message : String(error) }],
    }),
  );
  if (errors[0] !== undefined || samplesDecoded === 0) {
    const reason = errors[0]?.message.split('\n', 1)[0] ?? 'no samples';
    throw new UserError(
      `${where}: expected ${coding}, found a broken or cut file (${reason}); fetch it again or remove it`,
    );
  }
  // This decoder of FLAC divides by the largest sample, 2^(b-1) - 1; everything else here by 2^(b-1).
  const scale = coding === 'FLAC' && bitDepth !== undefined ? 1 - 2 ** (1 - bitDepth) : 1;
  const samples = new Float32Array(samplesDecoded);
  for (let n = 0; n < samplesDecoded; n++) {
    let sum = 0;
    for (const channel of channelData) sum += channel[n]!;
    samples[n] = Math.min(1, Math.max(-1, (scale * sum) / channelData.length));
  }
  return { sampleRate, samples };
}

function codingOf(bytes: Uint8Array): Coding | 'WAV' | null {
  const text = (at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));
  if (['RIFF', 'RIFX', 'RF64'].includes(text(0, 4))) return 'WAV';
  if (text(0, 4) === 'fLaC') return 'FLAC';
  if (text(0, 4) === 'OggS') {
    // The first packet of the first page, after 27 bytes and one segment length, names the codec.
    if (text(28, 8) === 'OpusHead') return 'Ogg Opus';
    if (text(29, 6) === 'vorbis') return 'Ogg Vorbis';
    return text(29, 4) === 'FLAC' ? 'FLAC' : null;
  }
  const frame = bytes[0] === 0xff && (bytes[1]! & 0xe6) === 0xe2;
  return text(0, 3) === 'ID3' || frame ? 'MP3' : null;
}

async function decodeOnce<D extends { readonly ready: Promise<void>; free(): void }>(
  decoder: D,
  decode: (decoder: D) => Decoded | Promise<Decoded>,
): Promise<Decoded> {
  await decoder.ready;
  try {
    return await decode(decoder);
  } finally {
    decoder.free();
  }
}
