import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSampler, type Sampler } from '@generatrix/runtime';
import {
  canReconstruct,
  type DataSpec,
  type HostTensor,
  hostTensor,
  samplingProgram,
} from '@generatrix/runtime/core';
import { canRender, encodePng, plotRegion, renderSamples, scatterPlot } from '@generatrix/runtime/media';
import { conditionsOf } from '../data/conditions.ts';
import type { Dataset } from '../data/dataset.ts';
import { densityPicture } from './density-picture.ts';

/** A picture or a sound with what it shows. */
export type Figure = { readonly caption: string } & (
  | { readonly png: Uint8Array }
  | { readonly wav: Uint8Array }
);

/** Figures that are looked at beside each other. */
export interface Gallery {
  readonly title: string;
  /** One sentence. */
  readonly text: string;
  readonly figures: readonly Figure[];
}

const counts = { image: 64, points: 1000, audio: 4 };
/** Examples that are shown before and after, in rows of eight. */
const pairs = 32;
const columns = 8;
const seed = 42;
/** The plane is shown so much wider than real points lie, for samples beside them. */
const around = 1.5;

/**
 * What a report shows of an exported model: its samples beside real examples, what it makes of examples that it
 * encodes and decodes, and the density of points.
 * @param bundle folder of the bundle
 * @param real the examples to show, those not trained on where there are
 */
export async function modelGalleries(bundle: string, real: Dataset): Promise<Gallery[]> {
  const sampler = await loadSampler(bundle, { device: 'cpu' });
  try {
    const { data: spec, programs, provenance } = sampler.manifest;
    if (!canRender(spec)) return [];
    const examples = await first(real, Math.min(counts[spec.kind], real.size));
    const figures: Figure[] = [];
    const program = samplingProgram(programs);
    const samples = program !== undefined;
    if (samples) {
      const count = counts[spec.kind];
      const indices = Int32Array.from({ length: count }, (_, i) => i % real.size);
      const conditions = await conditionsOf(programs[program]!, real, indices);
      const { data } = await sampler.sample({ count, seed, ...conditions });
      figures.push(
        await rendered(`Samples of the exported model, step ${provenance.steps}`, data, spec, examples),
      );
    }
    figures.push(await rendered(`Real examples (${partWords(real)})`, examples, spec, examples));
    const density = await densityPicture(bundle);
    if (density !== null) figures.push({ caption: 'Density of the exported model', png: density });
    const title = samples ? 'Samples and real examples' : 'Real examples';
    const text = `The first examples of the data, and samples drawn with seed ${seed}.`;
    return [{ title, text, figures }, ...(await reconstructions(sampler, real))];
  } finally {
    await sampler.release();
  }
}

async function reconstructions(sampler: Sampler, real: Dataset): Promise<Gallery[]> {
  if (!canReconstruct(sampler)) return [];
  const { data: spec } = sampler.manifest;
  const count = Math.min(
    spec.kind === 'points' ? counts.points : spec.kind === 'audio' ? counts.audio : pairs,
    real.size,
  );
  const before = await first(real, count);
  const label = real.labels?.slice(0, count);
  const after = await sampler.reconstruct(before, { seed, ...(label && { label }) });
  const title = 'Reconstructions';
  const text = `What the model makes of ${partWords(real)} after encoding and decoding them.`;
  if (spec.kind === 'image') {
    const caption = 'In each pair of rows: above the examples, below their reconstructions';
    const { bytes } = await renderSamples(alternating(before, after), spec, { scale: 2, columns });
    return [{ title, text, figures: [{ caption, png: bytes }] }];
  }
  const figures = [
    await rendered('Examples', before, spec, before),
    await rendered('Their reconstructions', after, spec, before),
  ];
  return [{ title, text, figures }];
}

/**
 * Rows of eight of the one and of the other in turn, black where the last rows are not full: [n, ...shape] twice to
 * [2 r, ...shape], where r is n rounded up to whole rows.
 */
function alternating(before: HostTensor, after: HostTensor): HostTensor {
  const [count, ...shape] = before.shape as [number, ...number[]];
  const width = shape.reduce((product, length) => product * length, 1);
  const rows = Math.ceil(count / columns);
  const values = new Float32Array(2 * rows * columns * width).fill(Number.NaN);
  for (let i = 0; i < count; i++) {
    const row = Math.floor(i / columns);
    for (const [part, { data }] of [before, after].entries()) {
      const place = ((2 * row + part) * columns + (i % columns)) * width;
      values.set(data.subarray(i * width, (i + 1) * width) as Float32Array, place);
    }
  }
  return hostTensor('float32', [2 * rows * columns, ...shape], values);
}

/** @param frame points whose region of the plane is shown, so that plots beside each other have one scale */
async function rendered(
  caption: string,
  data: HostTensor,
  spec: DataSpec,
  frame: HostTensor,
): Promise<Figure> {
  if (spec.kind === 'points') {
    const { centre, halfWidth } = plotRegion(frame.data);
    const extent = { centre, halfWidth: around * halfWidth };
    return { caption, png: await encodePng(scatterPlot(data, { extent })) };
  }
  const { extension, bytes } = await renderSamples(data, spec, { scale: 2 });
  return extension === 'png' ? { caption, png: bytes } : { caption, wav: bytes };
}

function first(dataset: Dataset, count: number): Promise<HostTensor> {
  return dataset.gather(Int32Array.from({ length: count }, (_, i) => i));
}

function partWords({ split }: Dataset): string {
  return split === 'train' ? 'training data' : `${split} data`;
}

/** First, middle and last samples of a run, so that the report shows the progress without growing with the run. */
export async function progressGallery(folder: string): Promise<Gallery[]> {
  const files = (await readdir(folder).catch(() => [] as string[]))
    .filter((file) => /\.(png|wav)$/.test(file))
    .toSorted();
  if (files.length === 0) return [];
  const chosen = new Set([0, Math.floor((files.length - 1) / 2), files.length - 1]);
  const kept = files.filter((_, i) => chosen.has(i));
  const figures = await Promise.all(
    kept.map(async (file): Promise<Figure> => {
      const caption = `Samples after step ${Number(/\d+/.exec(file)![0])}`;
      const bytes = await readFile(join(folder, file));
      return file.endsWith('.png') ? { caption, png: bytes } : { caption, wav: bytes };
    }),
  );
  return [{ title: 'How the samples changed', text: 'Drawn from the same noise each time.', figures }];
}
