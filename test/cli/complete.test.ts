import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSampler } from '@generatrix/runtime';
import { decodePng, decodeWav, encodeWav } from '@generatrix/runtime/media';
import { loadDataset } from '@generatrix/training';
import { command } from 'generatrix/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let folder: string;
let images: string;
let sounds: string;
let points: string;

const seconds = 0.05;
const tones = (t: number, clip: number) => 0.5 * Math.sin(t * (0.2 + 0.05 * clip));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-complete-'));
  [images, sounds, points] = ['images', 'sounds', 'points'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const wavs = join(folder, 'wavs');
  await mkdir(wavs);
  for (let clip = 0; clip < 20; clip++) {
    const samples = Float32Array.from({ length: 8000 * seconds }, (_, t) => tones(t, clip));
    await writeFile(join(wavs, `clip-${String(clip).padStart(2, '0')}.wav`), encodeWav(samples, 8000));
  }
  const small = ['--steps', '2', '--batch-size', '2', '--device', 'cpu', '--seed', '1'];
  for (const args of [
    [
      'pixelcnn',
      '--data',
      'digits8',
      '--data-size',
      '100',
      '--layers',
      '2',
      '--filters',
      '4',
      '--out',
      images,
    ],
    ['wavenet', '--data', 'wav', '--data-dir', wavs, '--clip-seconds', String(seconds)].concat(
      ['--layers', '4', '--stacks', '1', '--filters', '4', '--skip-filters', '4'],
      ['--levels', '16', '--out', sounds],
    ),
    ['nice', '--data', 'rings', '--data-size', '100', '--couplings', '2', '--hidden', '4', '--out', points],
  ]) {
    const { status, stderr } = await command('train', ...args, ...small);
    expect(status, stderr).toBe(0);
  }
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('generatrix sample --stream', () => {
  it.each([
    ['images', () => images, 'png', 8],
    ['sounds', () => sounds, 'wav', 4],
  ] as const)(
    'ends with the file that sample writes, having told how far it was: %s',
    async (_, model, extension, parts) => {
      const files = ['whole', 'parts'].map((name) => join(folder, `${name}.${extension}`)) as [
        string,
        string,
      ];
      const flags = ['--count', '5', '--seed', '7', '--temperature', '0.9'];
      expect((await command('sample', model(), ...flags, '--out', files[0])).status).toBe(0);
      const streamed = await command('sample', model(), ...flags, '--stream', '--out', files[1]);
      expect(streamed.status, streamed.stderr).toBe(0);
      expect(streamed.stderr).toContain(`drew ${parts} of ${parts} parts`);
      const [whole, last] = await Promise.all(files.map((file) => readFile(file)));
      expect(last!.equals(whole!)).toBe(true);
      expect((await readdir(folder)).filter((name) => name.includes('partial'))).toEqual([]);
    },
  );
});

describe('generatrix complete', () => {
  it('shows what is given and beside it completions that keep it', async () => {
    const out = join(folder, 'rows.png');
    const flags = ['--rows', '3', '--count', '2', '--completions', '3', '--seed', '5', '--split', 'train'];
    const { status, stdout, stderr } = await command('complete', images, ...flags, '--out', out);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('3 completions of each of 2 examples, the first 3 rows kept, seed 5, on cpu');
    const { width, height, channels, data } = await decodePng(await readFile(out));
    expect([width, height]).toEqual([4 * 8, 2 * 8]);
    const pixel = (cell: number, example: number, y: number, x: number) =>
      data[((example * 8 + y) * width + cell * 8 + x) * channels]!;
    const dataset = await loadDataset({ name: 'digits8', split: 'train', seed: 1, size: 100 });
    const examples = (await dataset.gather([0, 1])).data;
    const sampler = await loadSampler(images, { device: 'cpu' });
    const drawn = await sampler.complete({
      data: await dataset.gather([0, 0, 0, 1, 1, 1]),
      known: 3,
      seed: 5,
    });
    await sampler.release();
    for (let i = 0; i < 2 * 64; i++) {
      const [example, y, x] = [Math.floor(i / 64), Math.floor((i % 64) / 8), i % 8];
      expect(pixel(0, example, y, x)).toBe(y < 3 ? Math.round(255 * examples[i]!) : 0);
      for (const cell of [1, 2, 3]) {
        const value = drawn.data.data[(example * 3 + cell - 1) * 64 + (i % 64)]!;
        expect(pixel(cell, example, y, x)).toBe(255 * value);
        // Binarisation leaves black and white as they are.
        if (y < 3 && (examples[i] === 0 || examples[i] === 1)) expect(value).toBe(examples[i]);
      }
    }
  });

  it('goes on from the first seconds of a sound', async () => {
    const out = join(folder, 'completed.wav');
    const flags = ['--data-dir', join(folder, 'wavs'), '--clip-seconds', String(seconds), '--split', 'train'];
    const { status, stderr, stdout } = await command(
      ...['complete', sounds, '--data', 'wav', ...flags, '--seconds', '0.02', '--count', '1'],
      ...['--completions', '2', '--seed', '5', '--out', out],
    );
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('the first 160 samples kept');
    const { sampleRate, samples } = decodeWav(await readFile(out), out);
    expect([sampleRate, samples.length]).toEqual([8000, 2 * 400]);
    const [first, second] = [samples.subarray(0, 400), samples.subarray(400)];
    expect([...first.subarray(0, 160)]).toEqual([...second.subarray(0, 160)]);
    // The clip is one of the tones, to the 16 bits of the files.
    const offs = Array.from({ length: 20 }, (_, clip) =>
      Math.max(...first.subarray(0, 160).map((x, t) => Math.abs(x - tones(t, clip)))),
    );
    expect(Math.min(...offs)).toBeLessThan(1e-4);
    expect([...first.subarray(160)]).not.toEqual([...second.subarray(160)]);
  });

  const wrong: [string, () => string[], RegExp][] = [
    ['a model that cannot', () => ['complete', points], /^generatrix: model nice-.* cannot complete/],
    ['a stream of a model that cannot', () => ['sample', points, '--stream'], /cannot stream: .* use sample/],
    [
      'a stream of another program',
      () => ['sample', images, '--stream', '--program', 'complete'],
      /--stream: draws what program sample draws, not --program complete/,
    ],
    ['too many rows', () => ['complete', images, '--rows', '9'], /--rows: expected 0 to 8 rows, got '9'/],
    ['half a row', () => ['complete', images, '--rows', '1.5'], /--rows: expected a whole number/],
    ['seconds of an image', () => ['complete', images, '--seconds', '1'], /images; say --rows/],
    ['rows of a sound', () => ['complete', sounds, '--rows', '1'], /sound; say --seconds/],
    ['too long a beginning', () => ['complete', sounds, '--seconds', '1'], /--seconds: expected 0 to 0.05/],
    ['no completions', () => ['complete', images, '--completions', '0'], /--completions: expected a whole/],
    ['a class where there are none', () => ['sample', images, '--label', '1', '--stream'], /takes no label/],
    [
      'a completion of a class where there are none',
      () => ['complete', images, '--label', '1'],
      /no classes/,
    ],
    ['a sound of images', () => ['complete', images, '--out', 'x.wav'], /written as \.png or \.npy/],
    [
      'data of another shape',
      () => ['complete', images, '--data', 'glyphs', '--data-size', '50'],
      /the model takes image of shape 8x8x1, this data has 28x28x1/,
    ],
  ];
  it.each(wrong)('%s is one clear line', async (_, args, message) => {
    const { status, stderr } = await command(...args());
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
