import { type RandomStream, randomStream } from '@generatrix/runtime/core';
import { type Dataset, floatDataset, type Split } from './dataset.ts';

/** Notes of a major pentatonic scale from A3, equal temperament: names and semitones above 220 Hz. */
const scale = [
  ['A3', 0],
  ['B3', 2],
  ['C#4', 4],
  ['E4', 7],
  ['F#4', 9],
] as const;
const sampleRate = 4000;
const clipLength = 1000; // a quarter of a second
/** Partials of the string and their strengths: those of a string plucked at a third, without the weakest. */
const partials = [1, 0.5, 0.25, 0.12];

export interface NotesOptions {
  readonly split: Split;
  /** 0 when absent. */
  readonly seed?: number;
  /** Number of clips; 2,000 to train, 500 to validate and to test when absent. */
  readonly size?: number;
}

/** Clips drawn when none are asked for, by split. */
const clips = { train: 2000, validation: 500, test: 500 } as const;

/**
 * Plucked notes of five pitches: clips `[1000]` in [-1, 1] at 4 kHz, labelled by pitch. A clip is a sum of four
 * harmonics that die away, the higher the faster, under a random loudness, brightness, decay and phases. It depends on
 * its seed, split and index alone.
 */
export function notes({ split, seed = 0, size = clips[split] }: NotesOptions): Dataset {
  const values = new Float32Array(size * clipLength);
  const labels = new Int32Array(size);
  for (let index = 0; index < size; index++) {
    const random = randomStream(seed, `notes/${split}`, index);
    labels[index] = random.nextInt(scale.length);
    pluck(random, labels[index]!, values.subarray(index * clipLength, (index + 1) * clipLength));
  }
  return floatDataset(
    {
      name: 'notes',
      split,
      spec: { kind: 'audio', shape: [clipLength], sampleRate, range: [-1, 1] },
      size,
      labels,
      classNames: scale.map(([name]) => name),
    },
    values,
  );
}

function pluck(random: RandomStream, pitch: number, clip: Float32Array): void {
  const frequency = 220 * 2 ** (scale[pitch]![1] / 12);
  const loudness = 0.3 + 0.12 * random.nextUniform(); // the sum stays within 1, whatever the phases
  const brightness = 0.5 + random.nextUniform();
  const decay = 5 + 5 * random.nextUniform(); // of the first partial, 1/s
  partials.forEach((strength, at) => {
    const harmonic = at + 1;
    const amplitude = loudness * strength * (at === 0 ? 1 : brightness);
    const phase = 2 * Math.PI * random.nextUniform();
    for (let t = 0; t < clip.length; t++) {
      const seconds = t / sampleRate;
      clip[t]! +=
        amplitude *
        Math.exp(-decay * harmonic * seconds) *
        Math.sin(2 * Math.PI * harmonic * frequency * seconds + phase);
    }
  });
}
