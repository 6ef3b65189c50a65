import type { DataSpec } from '../program/program.ts';
import type { HostTensor } from '../program/tensor.ts';
import { encodePng } from './codec.ts';
import { imageGrid } from './image.ts';
import { scatterPlot } from './points.ts';
import { encodeWav } from './wav.ts';

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

/** Can these samples be shown? Points of other than two dimensions, and rows of a table, cannot be plotted. */
export function canRender(spec: DataSpec): boolean {
  return spec.kind !== 'points' || (spec.shape[0] === 2 && spec.columns === undefined);
}
