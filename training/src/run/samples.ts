import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataSpec, HostTensor } from '@generatrix/runtime/core';
import { encodePng, imageGrid } from '../media/image.ts';
import { scatterPlot } from '../media/points.ts';
import { encodeWav } from '../media/wav.ts';
import { writeFileAtomic } from './atomic.ts';

/**
 * Samples as a file one can look at or listen to: a grid of images or a scatter plot as PNG, audio as WAV (the
 * clips one after another).
 */
export async function renderSamples(
  samples: HostTensor,
  spec: DataSpec,
  options: { columns?: number; scale?: number } = {},
): Promise<{ extension: 'png' | 'wav'; bytes: Uint8Array }> {
  switch (spec.kind) {
    case 'image':
      return {
        extension: 'png',
        bytes: await encodePng(imageGrid(samples, { range: spec.range, ...options })),
      };
    case 'points':
      return { extension: 'png', bytes: await encodePng(scatterPlot(samples, {})) };
    case 'audio':
      return { extension: 'wav', bytes: encodeWav(samples.data as Float32Array, spec.sampleRate) };
  }
}

/** Can these samples be shown? Points of other than two dimensions cannot be plotted. */
export function canRender(spec: DataSpec): boolean {
  return spec.kind !== 'points' || spec.shape[0] === 2;
}

/** Writes `step-000123.png` (or `.wav`) into the folder; returns its path, or null when it cannot be shown. */
export async function saveSamples(
  folder: string,
  step: number,
  samples: HostTensor,
  spec: DataSpec,
): Promise<string | null> {
  if (!canRender(spec)) return null;
  const { extension, bytes } = await renderSamples(samples, spec, { scale: 2 });
  await mkdir(folder, { recursive: true });
  const path = join(folder, `step-${String(step).padStart(7, '0')}.${extension}`);
  await writeFileAtomic(path, bytes);
  return path;
}
