import { UserError } from '@generatrix/runtime/core';
import type { Sound } from '@generatrix/runtime/media';
import { labelledFiles } from './class-folders.ts';
import { type Dataset, floatDataset, type Split } from './dataset.ts';
import { decodeSound, soundExtensions } from './decode-sound.ts';
import { readBytes } from './files.ts';
import { resampler } from './resample.ts';
import { named, type PartRequest, takePart } from './split.ts';

export interface AudioFolderOptions extends PartRequest {
  readonly dir: string;
  /** Samples per second; the first file's own rate when absent. */
  readonly sampleRate?: number;
  /** Length of a clip in seconds; 1 when absent. */
  readonly clipSeconds?: number;
}

/**
 * A folder of sounds (WAV, FLAC, Ogg Vorbis, Ogg Opus, MP3) as clips `[samples]` in [-1, 1], one channel, resampled to one rate. A file is cut
 * into clips from its start; what is left over is padded with silence, and kept if it is the file's only clip
 * or fills at least half of one. Clips of one file never fall on both sides of a split. Classes are
 * sub-folders or, without them, what stands before the first `_` of the file name (`7_jackson_32.wav`), if
 * that gives at least two classes of two files on average. Names of the Free Spoken Digit Dataset's form
 * (`digit_speaker_take`) are split as it prescribes, takes 0-4 to test.
 * @throws UserError naming the folder or the file that cannot be used.
 */
export async function audioFolder(options: AudioFolderOptions): Promise<Dataset> {
  const { split, clipSeconds = 1 } = options;
  const files = await labelledFiles({
    ...options,
    what: 'sounds',
    extensions: soundExtensions,
    classesFromNames,
    splitFromNames: spokenDigitSplit,
  });
  const sampleRate = options.sampleRate ?? (await readSound(files.first)).sampleRate;
  const length = Math.round(clipSeconds * sampleRate);
  if (length < 1) {
    throw new UserError(
      `--clip-seconds ${clipSeconds}: expected at least one sample at ${sampleRate} Hz; raise it`,
    );
  }
  const clips: { values: Float32Array; file: number; name: string }[] = [];
  const resamplers = new Map<number, (samples: Float32Array) => Float32Array>();
  for (const [file, path] of files.paths.entries()) {
    const sound = await readSound(path);
    const resample = resamplers.get(sound.sampleRate) ?? resampler(sound.sampleRate, sampleRate);
    resamplers.set(sound.sampleRate, resample);
    for (const [at, values] of cutClips(resample(sound.samples), length).entries())
      clips.push({ values, file, name: `${files.identities[file]} ${at}` });
  }
  // A limit took that many files at most; of their clips it takes that many again.
  const chosen = takePart(named(clips.map(({ name }) => name)), options, [], options.dir);
  const values = new Float32Array(chosen.length * length);
  chosen.forEach((clip, row) => {
    values.set(clips[clip]!.values, row * length);
  });
  return floatDataset(
    {
      name: 'audio',
      split,
      spec: { kind: 'audio', shape: [length], sampleRate, range: [-1, 1] },
      size: chosen.length,
      labels: files.labels ? chosen.map((clip) => files.labels![clips[clip]!.file]!) : null,
      classNames: files.classNames,
      ...(files.passedOver.length > 0
        ? { notes: [`files passed over: ${files.passedOver.join(', ')}`] }
        : {}),
    },
    values,
  );
}

/** The clips of one sound, the last of them possibly shorter than `length`. */
export function cutClips(samples: Float32Array, length: number): Float32Array[] {
  const clips: Float32Array[] = [];
  for (let start = 0; start < samples.length; start += length) {
    const clip = samples.subarray(start, start + length);
    if (start === 0 || clip.length >= length / 2) clips.push(clip);
  }
  return clips;
}

function classesFromNames(names: readonly string[]): string[] | null {
  const prefixes = names.map((name) => name.slice(0, Math.max(0, name.indexOf('_'))));
  const classes = new Set(prefixes);
  return !classes.has('') && classes.size >= 2 && classes.size <= names.length / 2 ? prefixes : null;
}

function spokenDigitSplit(names: readonly string[]): Split[] | null {
  const takes = names.map((name) => /^\d_[a-z]+_(\d+)\.\w+$/.exec(name)?.[1]);
  if (takes.some((take) => take === undefined)) return null;
  const splits = takes.map((take): Split => (Number(take) < 5 ? 'test' : 'train'));
  return splits.includes('train') && splits.includes('test') ? splits : null;
}

/** Reads one sound. @throws UserError when it is missing or no sound that can be read. */
export async function readSound(path: string): Promise<Sound> {
  return decodeSound(await readBytes(path, 'a sound'), path);
}
