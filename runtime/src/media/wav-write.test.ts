import { expect, test } from 'vitest';
import { decodeWav, encodeWav } from './wav.ts';

test('the file has the bytes of a canonical PCM WAV', () => {
  // By hand from the RIFF WAVE layout: 1 channel, 8000 Hz, 16000 bytes a second, 2 bytes a frame, 16 bits.
  const header = [
    ...Buffer.from('RIFF'),
    ...[44, 0, 0, 0],
    ...Buffer.from('WAVEfmt '),
    ...[16, 0, 0, 0, 1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0],
    ...Buffer.from('data'),
    ...[8, 0, 0, 0],
  ];
  const samples = [0, 0, 0xff, 0x7f, 0x00, 0x80, 0x00, 0x40];
  expect([...encodeWav(Float32Array.of(0, 1, -1, 0.5), 8000)]).toEqual([...header, ...samples]);
});

test('16-bit sound read from a file is written back bit for bit; out of range is clamped, NaN is silence', () => {
  const levels = Array.from({ length: 2 ** 16 }, (_, i) => (i - 32768) / 32768);
  const bytes = encodeWav(Float32Array.from([...levels, 3, -3, Number.NaN]), 22050);
  const { sampleRate, samples } = decodeWav(bytes, 'sound.wav');
  expect(sampleRate).toBe(22050);
  expect(samples).toEqual(Float32Array.from([...levels, 32767 / 32768, -1, 0]));
});

test('a sample rate that no file can state is refused', () => {
  expect(() => encodeWav(new Float32Array(1), 0)).toThrow('sample rate');
  expect(() => encodeWav(new Float32Array(1), 8000.5)).toThrow('8000.5');
});
