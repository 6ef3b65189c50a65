import wavefile from 'wavefile';

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
