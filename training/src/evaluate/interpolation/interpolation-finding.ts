import { fillNoise, hostTensor } from '@generatrix/runtime/core';
import { encodePng, imageGrid } from '@generatrix/runtime/media';
import { type Outcome, type Skipped, short } from '../diagnostic.ts';
import { type Evaluation, firstOf } from '../evaluation.ts';
import { rowsOf } from '../rows.ts';
import { median } from '../statistics.ts';
import { pathSteps, smoothness, sphericalPath } from './latent-path.ts';

const paths = 32;
const frames = 16;
const pathsShown = 8;
/** The largest step over the mean one from which a path is said to jump. */
const jumping = 4;

/** Is the way between two samples smooth? Decoded paths between random codes. */
export async function interpolation(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const { decoder } = evaluation.request.source;
  if (decoder === undefined) {
    return {
      skipped: 'it needs a program `decode` whose codes are the standard normal noise that `sample` draws',
    };
  }
  const { latentShape, classes } = decoder;
  const ends = fillNoise({
    distribution: 'normal',
    seed: evaluation.seed,
    stream: 'evaluate/interpolation',
    firstIndex: 0,
    count: 2 * paths,
    shape: latentShape,
  });
  const width = ends.length / (2 * paths);
  const codes = new Float32Array(paths * frames * width);
  for (let path = 0; path < paths; path++) {
    const end = (which: number) => ends.subarray((2 * path + which) * width, (2 * path + which + 1) * width);
    codes.set(sphericalPath(end(0), end(1), frames), path * frames * width);
  }
  const labels =
    classes === 0
      ? null
      : Int32Array.from({ length: paths * frames }, (_, i) => Math.floor(i / frames) % classes);
  const decoded = await decoder.decode(
    hostTensor('float32', [paths * frames, ...latentShape], codes),
    labels,
  );
  const each = Array.from({ length: paths }, (_, path) =>
    smoothness(pathSteps(rowsOf(decoded), path * frames, frames)),
  );
  const unevenness = median(each.map(({ unevenness }) => unevenness));
  const detour = median(each.map(({ detour }) => detour));
  return {
    finding: {
      verdict: unevenness < jumping ? 'ok' : 'warning',
      text: `${unevenness < jumping ? 'The way between samples is smooth' : 'The way between samples jumps'}: the largest of ${frames - 1} steps is ${short(unevenness)} times the mean one (median of ${paths} paths), the way ${short(detour)} times the straight one.`,
    },
    figures: { unevenness, detour, paths, frames },
    notes: [
      'Codes are interpolated on great circles (White 2016), so that every frame has a likely code; the straight way is the distance of the two ends.',
    ],
    pictures: await picture(evaluation, firstOf(decoded, pathsShown * frames)),
  };
}

async function picture({ spec }: Evaluation, decoded: ReturnType<typeof firstOf>) {
  if (spec.kind !== 'image') return [];
  const grid = imageGrid(decoded, { range: spec.range, columns: frames, padding: 1 });
  return [{ caption: 'Each row is a path between two codes', png: await encodePng(grid) }];
}
