import { expect, test } from 'vitest';
import { everyIndex, expectUserError, folderOf, testWithData } from '../testing/test-support.ts';
import { audioFolder, cutClips, readSound } from './audio-folder.ts';
import { type Split, splits } from './dataset.ts';

interface Coding {
  readonly tag?: number;
  readonly bits?: number;
  readonly channels?: number;
  readonly rate?: number;
}

/** A WAV file laid out by hand: RIFF header, 16-byte `fmt `, `data`. */
function wavFile(data: Uint8Array, { tag = 1, bits = 16, channels = 1, rate = 8000 }: Coding = {}): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(tag, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE((rate * channels * bits) / 8, 28);
  header.writeUInt16LE((channels * bits) / 8, 32);
  header.writeUInt16LE(bits, 34);
  header.write('data', 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

const bytesOf = (array: Int16Array | Float32Array | Int32Array): Uint8Array => new Uint8Array(array.buffer);
const pcm = (length: number, value = 16384, coding?: Coding): Buffer =>
  wavFile(bytesOf(new Int16Array(length).fill(value)), coding);

test.each<[string, Buffer, number[]]>([
  ['16-bit', wavFile(bytesOf(Int16Array.of(0, 16384, -32768))), [0, 0.5, -1]],
  ['8-bit (unsigned)', wavFile(Uint8Array.of(128, 192, 0), { bits: 8 }), [0, 0.5, -1]],
  ['24-bit', wavFile(Uint8Array.of(0, 0, 0, 0, 0, 0x40, 0, 0, 0x80), { bits: 24 }), [0, 0.5, -1]],
  ['32-bit', wavFile(bytesOf(Int32Array.of(0, 2 ** 30, -(2 ** 31))), { bits: 32 }), [0, 0.5, -1]],
  [
    'float, clipped',
    wavFile(bytesOf(Float32Array.of(0.25, -0.5, 1.5)), { tag: 3, bits: 32 }),
    [0.25, -0.5, 1],
  ],
  [
    'stereo, averaged',
    wavFile(bytesOf(Int16Array.of(16384, 0, -32768, -32768)), { channels: 2 }),
    [0.25, -1],
  ],
  // G.711: 0xff is 0 and 0x80, 0x00 the extremes of mu-law; 0xd5, 0x55 are +-8 and 0xaa 32256 of A-law.
  [
    'mu-law',
    wavFile(Uint8Array.of(0xff, 0x80, 0x00), { tag: 7, bits: 8 }),
    [0, 32124 / 32768, -32124 / 32768],
  ],
  [
    'A-law',
    wavFile(Uint8Array.of(0xd5, 0x55, 0xaa), { tag: 6, bits: 8 }),
    [8 / 32768, -8 / 32768, 32256 / 32768],
  ],
])('reads %s samples', async (_, file, expected) => {
  const dir = await folderOf({ 'a.wav': file });
  const { sampleRate, samples } = await readSound(`${dir}/a.wav`);
  expect(sampleRate).toBe(8000);
  expect([...samples]).toEqual(expected);
});

/** The same bytes as WAVE_FORMAT_EXTENSIBLE, as programs write more than two channels or 96 kHz. */
function extensible(data: Uint8Array, subFormat: number, bits: number, validBits = bits): Buffer {
  const plain = wavFile(data, { tag: 0xfffe, bits });
  const more = Buffer.alloc(24);
  more.writeUInt16LE(22, 0);
  more.writeUInt16LE(validBits, 2);
  more.writeUInt32LE(4, 4);
  more.writeUInt16LE(subFormat, 8);
  Buffer.from('000000001000800000aa00389b71', 'hex').copy(more, 10);
  const file = Buffer.concat([plain.subarray(0, 36), more, plain.subarray(36)]);
  file.writeUInt32LE(40, 16);
  return file;
}

test.each<[string, Buffer, number[]]>([
  ['float32', extensible(bytesOf(Float32Array.of(0.25, -0.5, 1)), 3, 32), [0.25, -0.5, 1]],
  ['float64', extensible(new Uint8Array(Float64Array.of(0.25, -0.5, 1).buffer), 3, 64), [0.25, -0.5, 1]],
  ['16 bits', extensible(bytesOf(Int16Array.of(0, 16384, -32768)), 1, 16), [0, 0.5, -1]],
  ['24 bits in 32', extensible(bytesOf(Int32Array.of(0, 2 ** 30, -(2 ** 31))), 1, 32, 24), [0, 0.5, -1]],
])('reads the extensible format of %s', async (_, file, expected) => {
  const dir = await folderOf({ 'a.wav': file });
  expect([...(await readSound(`${dir}/a.wav`)).samples]).toEqual(expected);
});

test.each([0, 0xffffffff])('a data size of %i, as streams have it, means to the end', async (size) => {
  const file = pcm(5);
  file.writeUInt32LE(size, 40);
  const dir = await folderOf({ 'a.wav': file });
  expect((await readSound(`${dir}/a.wav`)).samples).toEqual(new Float32Array(5).fill(0.5));
});

test('cuts a file into clips and pads the last', () => {
  const sound = (length: number): Float32Array => new Float32Array(length).fill(1);
  const lengths = (length: number): number[] => cutClips(sound(length), 10).map((clip) => clip.length);
  expect(lengths(3)).toEqual([3]);
  expect(lengths(14)).toEqual([10]);
  expect(lengths(15)).toEqual([10, 5]);
  expect(lengths(30)).toEqual([10, 10, 10]);
});

test('pads with silence, labels by name, and splits spoken digits by take', async () => {
  const takes = [0, 4, 5, 6, 49];
  const files = [0, 7].flatMap((digit) =>
    takes.map((take) => [`deep/${digit}_ann_${take}.wav`, pcm(2000, 1000 * digit + take)] as const),
  );
  const dir = await folderOf(Object.fromEntries(files));
  const train = await audioFolder({ dir, split: 'train', clipSeconds: 0.5 });
  expect(train.spec).toEqual({ kind: 'audio', shape: [4000], sampleRate: 8000, range: [-1, 1] });
  expect(train.classNames).toEqual(['0', '7']);
  const validation = await audioFolder({ dir, split: 'validation', clipSeconds: 0.5 });
  const firsts = async (data: typeof train): Promise<number[]> => {
    const { data: values } = await data.gather(everyIndex(data));
    const levels = [...values].filter((_, at) => at % 4000 === 0).map((value) => value * 32768);
    expect(levels.map((level) => Math.floor(level / 7000))).toEqual([...data.labels!]);
    return levels;
  };
  const learned = [...(await firsts(train)), ...(await firsts(validation))];
  expect(learned.sort((a, b) => a - b)).toEqual([5, 6, 49, 7005, 7006, 7049]);
  expect(validation.size).toBeGreaterThan(0);
  const clips = (await train.gather(everyIndex(train))).data;
  expect([clips[1999], clips[2000], clips[3999]]).toEqual([clips[0], 0, 0]);
  const held = await audioFolder({ dir, split: 'test', clipSeconds: 0.5 });
  expect(await firsts(held)).toEqual([0, 4, 7000, 7004]);
});

test('sub-folders are classes; the clips of one file stay on one side', async () => {
  const files = Array.from(
    { length: 20 },
    (_, i) => [`${i % 2 ? 'odd' : 'even'}/${i}.wav`, pcm(3000, 100 * i)] as const,
  );
  const dir = await folderOf(Object.fromEntries(files));
  const sources = async (split: Split, size?: number): Promise<number[]> => {
    const data = await audioFolder({ dir, split, clipSeconds: 0.125, size });
    const found = Array.from(everyIndex(data), async (n) => {
      const source = Math.round((Number((await data.gather([n])).data[0]) * 32768) / 100);
      expect(data.classNames[data.labels![n]!]).toBe(source % 2 ? 'odd' : 'even');
      return source;
    });
    return Promise.all(found);
  };
  const parts = await Promise.all(splits.map((split) => sources(split)));
  // Three clips of each file, each file in one part.
  expect(parts.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => Math.floor(i / 3)));
  expect(parts.map((part) => new Set(part).size).reduce((sum, size) => sum + size, 0)).toBe(20);
  expect((await sources('train', 7)).length).toBe(7);
});

test('resamples to the rate asked for; without one, to the first file of either split', async () => {
  const fast = pcm(16_000, 16384, { rate: 16_000 });
  const dir = await folderOf({ 'a.wav': pcm(8000), 'b.wav': fast, 'c.wav': fast });
  for (const split of splits) {
    const data = await audioFolder({ dir, split });
    expect(data.spec).toMatchObject({ shape: [8000], sampleRate: 8000 });
    expect(data.labels).toBeNull();
    // A constant passes a rate change unchanged, away from its ends; 1e-6 is float32 rounding.
    expect(Math.abs(Number((await data.gather([0])).data[4000]) - 0.5)).toBeLessThan(1e-6);
  }
  const fine = await audioFolder({ dir, split: 'train', sampleRate: 4000, clipSeconds: 0.25 });
  expect(fine.spec).toMatchObject({ shape: [1000], sampleRate: 4000 });
  expect(fine.size).toBe(4);
});

const good = pcm(100);
test.each<[string, Record<string, string | Uint8Array>, (string | RegExp)[]]>([
  ['a folder without sounds', { 'a.txt': 'x' }, ['.wav', '.flac', 'found none']],
  [
    'a file that is no WAV',
    { 'a.wav': 'sorry, no sound in here at all', 'b.wav': good, 'c.wav': good },
    ['a.wav', 'expected WAV', 'convert'],
  ],
  ['an empty file', { 'a.wav': '', 'b.wav': good, 'c.wav': good }, ['a.wav', 'empty file']],
  ['a few bytes', { 'a.wav': 'RIFF', 'b.wav': good, 'c.wav': good }, ['a.wav', 'WAV file']],
  [
    'a file cut short',
    { 'a.wav': good.subarray(0, 144), 'b.wav': good, 'c.wav': good },
    ['a.wav', '200 bytes', 'found 100', 'cut short'],
  ],
  ['a header alone', { 'a.wav': good.subarray(0, 36), 'b.wav': good, 'c.wav': good }, ['a.wav', 'WAV file']],
  ['no samples', { 'a.wav': pcm(0), 'b.wav': good, 'c.wav': good }, ['a.wav', 'no samples']],
  [
    'an odd depth',
    { 'a.wav': wavFile(new Uint8Array(12), { bits: 12 }), 'b.wav': good, 'c.wav': good },
    ['a.wav', 'found 12 bits', '16-bit PCM'],
  ],
  [
    'MP3 in a WAV file',
    { 'a.wav': wavFile(new Uint8Array(12), { tag: 0x55, bits: 16 }), 'b.wav': good, 'c.wav': good },
    ['a.wav', 'found MP3', 'convert'],
  ],
  [
    'Microsoft ADPCM',
    { 'a.wav': wavFile(new Uint8Array(12), { tag: 2, bits: 4 }), 'b.wav': good, 'c.wav': good },
    ['a.wav', 'found Microsoft ADPCM', 'convert'],
  ],
  [
    'IMA ADPCM',
    { 'a.wav': wavFile(new Uint8Array(12), { tag: 17, bits: 4 }), 'b.wav': good, 'c.wav': good },
    ['a.wav', 'found IMA ADPCM', 'convert'],
  ],
  [
    'NaN',
    {
      'a.wav': wavFile(bytesOf(Float32Array.of(0, NaN)), { tag: 3, bits: 32 }),
      'b.wav': good,
      'c.wav': good,
    },
    ['a.wav', 'found NaN in sample 1'],
  ],
  [
    'float sound that is not in -1 to 1',
    {
      'a.wav': wavFile(bytesOf(Float32Array.of(0, 32767)), { tag: 3, bits: 32 }),
      'b.wav': good,
      'c.wav': good,
    },
    ['a.wav', 'found 32767', 'scale'],
  ],
  [
    'a broken FLAC file',
    { 'a.flac': 'fLaC and no more', 'b.wav': good, 'c.wav': good },
    ['a.flac', 'FLAC', 'broken'],
  ],
])('refuses %s', async (_, files, texts) => {
  const dir = await folderOf(files);
  await expectUserError(
    async () => {
      for (const split of splits) await audioFolder({ dir, split });
    },
    dir,
    ...texts,
  );
});

test('refuses clips shorter than a sample', async () => {
  const dir = await folderOf({ 'a.wav': good, 'b.wav': good, 'c.wav': good });
  await expectUserError(audioFolder({ dir, split: 'train', clipSeconds: 1e-5 }), '--clip-seconds', '8000 Hz');
});

testWithData('fsdd', 'reads the Free Spoken Digit Dataset, split as it prescribes', async (dir) => {
  const started = performance.now();
  const train = await audioFolder({ dir, split: 'train' });
  console.log(`FSDD: ${train.size} clips loaded in ${(performance.now() - started).toFixed(0)} ms`);
  const held = await audioFolder({ dir, split: 'test' });
  expect(train.spec).toEqual({ kind: 'audio', shape: [8000], sampleRate: 8000, range: [-1, 1] });
  expect(train.classNames).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  // 3000 recordings: 10 digits, 6 speakers, takes 0-4 of 50 held out; a few longer ones give two clips.
  const validation = await audioFolder({ dir, split: 'validation' });
  expect(train.size + validation.size).toBeGreaterThanOrEqual(2700);
  expect(train.size + validation.size).toBeLessThan(2750);
  // A tenth of the recordings validates, 270, give or take four standard deviations of a binomial count (15.6).
  expect(Math.abs(validation.size - 270)).toBeLessThan(4 * 15.6);
  expect(held.size).toBeGreaterThanOrEqual(300);
  expect(held.size).toBeLessThan(310);
  const values = (await train.gather([0, 1000, 2000])).data;
  expect(Math.max(...values)).toBeGreaterThan(0.05);
});
