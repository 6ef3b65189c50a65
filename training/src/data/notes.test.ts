import { expect, test } from 'vitest';
import { notes } from './notes.ts';

/** Power of a clip at a frequency, by the discrete Fourier sum. */
function powerAt(clip: ArrayLike<number>, frequency: number, sampleRate: number): number {
  let [re, im] = [0, 0];
  for (let t = 0; t < clip.length; t++) {
    const angle = (2 * Math.PI * frequency * t) / sampleRate;
    re += clip[t]! * Math.cos(angle);
    im += clip[t]! * Math.sin(angle);
  }
  return re * re + im * im;
}

test('each clip has the pitch of its class, lies in the range, and dies away', async () => {
  const data = notes({ split: 'test', size: 60 });
  if (data.spec.kind !== 'audio') throw new Error('expected sound');
  const { sampleRate, shape } = data.spec;
  const { data: values } = await data.gather(Array.from({ length: 60 }, (_, i) => i));
  // Equal temperament: MIDI notes 57, 59, 61, 64 and 66, of 440 Hz at 69.
  const pitches = [57, 59, 61, 64, 66].map((note) => 440 * 2 ** ((note - 69) / 12));
  for (let i = 0; i < 60; i++) {
    const clip = values.subarray(i * shape[0], (i + 1) * shape[0]);
    const powers = pitches.map((pitch) => powerAt(clip, pitch, sampleRate));
    expect(powers.indexOf(Math.max(...powers))).toBe(data.labels![i]);
    expect(clip.every((x) => Math.abs(x) <= 1)).toBe(true);
    const energy = (part: ArrayLike<number>) => Array.from(part).reduce((sum, x) => sum + x * x, 0);
    expect(energy(clip.subarray(750))).toBeLessThan(0.3 * energy(clip.subarray(0, 250)));
  }
  expect(new Set(data.labels).size).toBe(5);
  expect(data.classNames).toEqual(['A3', 'B3', 'C#4', 'E4', 'F#4']);
});

test('a clip depends on seed, split and index alone', async () => {
  const first = async (options: Parameters<typeof notes>[0]) => [...(await notes(options).gather([3])).data];
  const clip = await first({ split: 'train', size: 5, seed: 2 });
  expect(await first({ split: 'train', size: 4, seed: 2 })).toEqual(clip);
  expect(await first({ split: 'train', size: 5, seed: 3 })).not.toEqual(clip);
  expect(await first({ split: 'test', size: 5, seed: 2 })).not.toEqual(clip);
});
