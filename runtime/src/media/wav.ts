import wavefile from 'wavefile';
import { messageOf, UserError } from '../errors.ts';

/** One channel of sound. */
export interface Sound {
  readonly sampleRate: number;
  /** In [-1, 1]. */
  readonly samples: Float32Array;
}

/** The value of full scale for each whole-number depth that wavefile names. */
const fullScale: Readonly<Record<string, number>> = {
  '8': 2 ** 7,
  '16': 2 ** 15,
  '24': 2 ** 23,
  '32': 2 ** 31,
};

/**
 * Reads the bytes of a WAV file (PCM of 8, 16, 24 or 32 bits, float of 32 or 64, A-law, mu-law, IMA ADPCM) as one
 * channel, the mean of its channels, in [-1, 1].
 * @param where what errors call the source, such as a path
 * @throws UserError when it is no WAV file, of an unknown coding, without samples, or cut short.
 */
export function decodeWav(bytes: Uint8Array, where: string): Sound {
  const wav = new wavefile.WaveFile();
  try {
    wav.fromBuffer(bytes);
    checkWhole(where, wav);
    if (wav.bitDepth === '4') wav.fromIMAADPCM();
    if (wav.bitDepth === '8a') wav.fromALaw();
    if (wav.bitDepth === '8m') wav.fromMuLaw();
    return mono(where, wav);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${where}: expected a WAV file, found something else (${messageOf(error).split('\n')[0]}); convert or remove it`,
    );
  }
}

function checkWhole(where: string, wav: wavefile.WaveFile): void {
  const { chunkSize, samples } = wav.data as { chunkSize: number; samples: Uint8Array };
  if (samples.length < chunkSize) {
    throw new UserError(
      `${where}: expected ${chunkSize} bytes of sound, found ${samples.length}; the file is cut short, fetch it again`,
    );
  }
  if (samples.length === 0)
    throw new UserError(`${where}: expected sound, found a WAV file of no samples; remove it`);
}

function mono(where: string, wav: wavefile.WaveFile): Sound {
  const { sampleRate, numChannels } = wav.fmt as { sampleRate: number; numChannels: number };
  const scale = wav.bitDepth === '32f' || wav.bitDepth === '64' ? 1 : fullScale[wav.bitDepth];
  if (scale === undefined || sampleRate < 1 || numChannels < 1) {
    throw new UserError(
      `${where}: expected 8, 16, 24 or 32 bits a sample, found ${wav.bitDepth} at ${sampleRate} Hz, ` +
        `${numChannels} channels; convert it to 16-bit PCM`,
    );
  }
  const offset = wav.bitDepth === '8' ? -128 : 0;
  const interleaved = wav.getSamples(true);
  const samples = new Float32Array(Math.floor(interleaved.length / numChannels));
  for (let n = 0; n < samples.length; n++) {
    let sum = 0;
    for (let channel = 0; channel < numChannels; channel++)
      sum += interleaved[n * numChannels + channel]! + offset;
    samples[n] = Math.min(1, Math.max(-1, sum / (numChannels * scale)));
  }
  return { sampleRate, samples };
}

/**
 * Sound as a WAV file of one channel, 16-bit PCM: x becomes round(32768 x), clamped to -32768..32767, NaN 0.
 * @param samples in [-1, 1]
 * @param sampleRate samples per second
 * @throws when the sample rate is no positive whole number.
 */
export function encodeWav(samples: Float32Array, sampleRate: number): Uint8Array {
  if (!Number.isInteger(sampleRate) || sampleRate < 1) {
    throw new Error(`WAV: expected a sample rate in whole hertz, got ${sampleRate}`);
  }
  const levels = Int16Array.from(samples, (x) => Math.min(32767, Math.max(-32768, Math.round(32768 * x))));
  const wav = new wavefile.WaveFile();
  wav.fromScratch(1, sampleRate, '16', levels);
  return wav.toBuffer();
}
