import wavefile from 'wavefile';
import { messageOf, UserError } from '../errors.ts';
import { plainWav } from './wav-header.ts';

/** One channel of sound. */
export interface Sound {
  readonly sampleRate: number;
  /** In [-1, 1]. */
  readonly samples: Float32Array;
}

/** Float samples beyond this are no peaks that were too loud, but another scale. */
const loudest = 2;

/** The value of full scale for each whole-number depth that wavefile names. */
const fullScale: Readonly<Record<string, number>> = {
  '8': 2 ** 7,
  '16': 2 ** 15,
  '24': 2 ** 23,
  '32': 2 ** 31,
};

/**
 * Reads the bytes of a WAV file (PCM of 8, 16, 24 or 32 bits, float of 32 or 64, A-law, mu-law, each plain or
 * as WAVE_FORMAT_EXTENSIBLE) as one channel, the mean of its channels, in [-1, 1]. Float values a little
 * beyond are clipped.
 * @param where what errors call the source, such as a path
 * @throws UserError when it is no WAV file, of another coding (by its name), without samples, cut short, or holds a
 * value that is no finite number.
 */
export function decodeWav(bytes: Uint8Array, where: string): Sound {
  const { file, channels, sampleRate } = plainWav(bytes, where);
  const wav = new wavefile.WaveFile();
  try {
    wav.fromBuffer(file);
    if (wav.bitDepth === '8a') wav.fromALaw();
    if (wav.bitDepth === '8m') wav.fromMuLaw();
    return { sampleRate, samples: mono(where, wav, channels) };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${where}: expected a WAV file, found something else (${messageOf(error).split('\n')[0]}); convert or remove it`,
    );
  }
}

function mono(where: string, wav: wavefile.WaveFile, channels: number): Float32Array {
  const scale = wav.bitDepth === '32f' || wav.bitDepth === '64' ? 1 : fullScale[wav.bitDepth];
  if (scale === undefined) {
    throw new UserError(
      `${where}: expected 8, 16, 24 or 32 bits a sample, found ${wav.bitDepth}; convert it to 16-bit PCM`,
    );
  }
  const offset = wav.bitDepth === '8' ? -128 : 0;
  const interleaved = wav.getSamples(true);
  const samples = new Float32Array(Math.floor(interleaved.length / channels));
  for (let n = 0; n < samples.length; n++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += interleaved[n * channels + channel]! + offset;
    if (!Number.isFinite(sum)) {
      throw new UserError(
        `${where}: expected finite samples, found ${sum} in sample ${n}; mend or remove it`,
      );
    }
    if (Math.abs(sum) > loudest * channels * scale) {
      throw new UserError(
        `${where}: expected samples in -1 to 1, found ${sum / channels} in sample ${n}; scale the file`,
      );
    }
    samples[n] = Math.min(1, Math.max(-1, sum / (channels * scale)));
  }
  return samples;
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
