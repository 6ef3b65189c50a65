import { canInterpolateSeeds, type Manifest } from '@generatrix/runtime/core';
import { labelClasses } from '../model-inputs.ts';
import { codeIsNoise } from '../panels/code-space.ts';
import { normals, stack } from '../panels/directions.ts';
import { plotRegion } from '../view/scatter.ts';
import type { RemoteSampler } from '../worker/remote-sampler.ts';
import type { Film } from './film.ts';
import type { Manner } from './manner.ts';
import { acrossFrames, arriving, shownImages, shownPoints } from './poster-film.ts';

/** Frames of a way through codes, and of a chain. */
const wayFrames = 28;
const chainFrames = 30;

type Frames = readonly Float32Array[];

/**
 * Runs a model for its thumbnail, in its own manner: rows as they are drawn, steps of its chain, noise as it becomes an
 * example, samples as their codes move on a circle, or samples alone.
 * @throws what the model's worker throws, or that it has nothing to show.
 */
export async function liveFilm(
  sampler: RemoteSampler,
  manner: Manner,
  seed: number,
  signal: AbortSignal,
): Promise<Film> {
  const { manifest } = sampler;
  const { data } = manifest;
  if (data.kind === 'audio') {
    const { data: drawn } = await sampler.sample({ count: 1, seed }, { signal });
    return { kind: 'audio', samples: drawn.data as Float32Array, range: data.range, pace: 45, hold: 900 };
  }
  const count = data.kind === 'points' ? shownPoints : shownImages;
  const { frames, jumps } = await framesOf(sampler, manner, { count, seed }, signal);
  const closed = manner === 'code' && !jumps;
  const pace = manner === 'parts' ? Math.max(40, 1600 / frames.length) : 70;
  const hold = closed ? pace : 1500;
  if (data.kind === 'image') return { kind: 'image', layout: data, frames, pace, hold };
  return {
    kind: 'points',
    frames: inPlane(frames, data.shape[0]),
    pace,
    hold,
    glides: !jumps,
    region: regionOf(frames, data.shape[0]),
  };
}

interface Wanted {
  readonly count: number;
  readonly seed: number;
}

async function framesOf(
  sampler: RemoteSampler,
  manner: Manner,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<{ readonly frames: Frames; readonly jumps?: boolean }> {
  switch (manner) {
    case 'parts':
    case 'refinement':
      return { frames: await streamed(sampler, wanted, signal) };
    case 'chain':
      return { frames: await walked(sampler, wanted, signal), jumps: true };
    case 'code':
      return { frames: await aroundCodes(sampler, wanted) };
    case 'draw': {
      const { data } = await sampler.sample({ ...wanted, count: 2 * wanted.count }, { signal });
      const values = data.data as Float32Array;
      const [first, second] = [values.slice(0, values.length / 2), values.slice(values.length / 2)];
      if (sampler.manifest.data.kind === 'image') return { frames: acrossFrames(first, second) };
      return { frames: arriving(first, second).frames, jumps: true };
    }
  }
}

/** All that is drawn after each part, or step. */
async function streamed(sampler: RemoteSampler, wanted: Wanted, signal: AbortSignal): Promise<Frames> {
  const frames: Float32Array[] = [];
  const part = ({ data }: { readonly data: ArrayLike<number> }) => frames.push(Float32Array.from(data));
  const { data } = await sampler.stream(wanted, part, { signal });
  part(data);
  const stride = Math.ceil(frames.length / 60);
  return frames.filter((_, i) => i % stride === 0 || i === frames.length - 1);
}

/** A Markov chain from where it starts; later frames are more steps apart, since it slows down. */
async function walked(sampler: RemoteSampler, wanted: Wanted, signal: AbortSignal): Promise<Frames> {
  const frames: Float32Array[] = [];
  const mean = sampler.manifest.programs.transition?.inputs.mean?.role === 'scalar';
  let at:
    | { readonly step: number; readonly carries: Parameters<RemoteSampler['walk']>[0]['carries'] }
    | undefined;
  for (let i = 0; i < chainFrames; i += 1) {
    const moved = await sampler.walk(
      {
        ...wanted,
        steps: 1 + Math.floor(i / 6),
        ...(at !== undefined && { step: at.step, ...(at.carries && { carries: at.carries }) }),
        ...(mean && { scalars: { mean: 1 } }),
      },
      undefined,
      { signal },
    );
    at = moved;
    frames.push(Float32Array.from(moved.data.data));
  }
  return frames;
}

/** Samples whose codes, or noise, go once around: the last frame leads to the first. */
async function aroundCodes(sampler: RemoteSampler, { count, seed }: Wanted): Promise<Frames> {
  const { manifest } = sampler;
  const classes = labelClasses(manifest);
  const latent = Object.values(manifest.programs.decode?.inputs ?? {}).find(({ role }) => role === 'latent');
  if (latent === undefined || (!codeIsNoise(manifest) && canInterpolateSeeds({ manifest })))
    return betweenSeeds(sampler, { count, seed });
  const size = latent.shape.reduce((product, side) => product * side, 1);
  const ends = normals(seed, 'gallery/codes', 2 * count, size);
  const codes = (sample: number) =>
    Array.from({ length: wayFrames + 1 }, (_, frame) => {
      const angle = (2 * Math.PI * frame) / wayFrames;
      const [a, b] = [ends[2 * sample]!, ends[2 * sample + 1]!];
      return a.map((value, i) => Math.cos(angle) * value + Math.sin(angle) * b[i]!);
    });
  const samples = Array.from({ length: count }, (_, i) => i);
  if (classes === 0) {
    const { data } = await sampler.decode(stack(samples.flatMap(codes), latent.shape));
    return byFrame(data as Float32Array, count);
  }
  const ways: ArrayLike<number>[] = [];
  for (const sample of samples) {
    const { data } = await sampler.decode(stack(codes(sample), latent.shape), { label: sample % classes });
    ways.push(data as Float32Array);
  }
  return byFrame(stack(ways, [ways[0]?.length ?? 0]).data as Float32Array, count);
}

/** To another sample and back, through the noise. */
async function betweenSeeds(sampler: RemoteSampler, { count, seed }: Wanted): Promise<Frames> {
  const half = wayFrames / 2;
  const places = Array.from({ length: wayFrames + 1 }, (_, i) => 1 - Math.abs(i - half) / half);
  const ways: ArrayLike<number>[] = [];
  for (let i = 0; i < count; i += 1) {
    const ends = { from: { seed, index: i }, to: { seed: seed + 1, index: i } };
    ways.push((await sampler.interpolate({ ...ends, places })).data as Float32Array);
  }
  return byFrame(stack(ways, [ways[0]?.length ?? 0]).data as Float32Array, count);
}

/** Values [sample, frame, example] as a frame each: [sample, example]. */
function byFrame(values: Float32Array, count: number): Frames {
  const frames = wayFrames + 1;
  const size = values.length / (count * frames);
  return Array.from({ length: frames }, (_, frame) => {
    const all = new Float32Array(count * size);
    for (let i = 0; i < count; i += 1) {
      const at = (i * frames + frame) * size;
      all.set(values.subarray(at, at + size), i * size);
    }
    return all;
  });
}

/** The first two coordinates; a single one is drawn against 0. */
function inPlane(frames: Frames, dimensions: number): Frames {
  if (dimensions === 2) return frames;
  return frames.map((frame) =>
    Float32Array.from({ length: (frame.length / dimensions) * 2 }, (_, i) =>
      i % 2 < dimensions ? frame[Math.floor(i / 2) * dimensions + (i % 2)]! : 0,
    ),
  );
}

/** What the samples fill; where they come from, noise perhaps, may lie further out. */
function regionOf(frames: Frames, dimensions: number): ReturnType<typeof plotRegion> {
  return plotRegion(frames.at(-1)!, dimensions);
}

/** Whether a model has anything that a thumbnail could show. */
export function canShow(manifest: Manifest, draws: boolean): boolean {
  return draws || Object.hasOwn(manifest.programs, 'decode');
}
