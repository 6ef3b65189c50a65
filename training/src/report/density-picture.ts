import { type HostTensor, hostTensor, loadSampler } from '@generatrix/runtime';
import { densityPlot, encodePng, plotRegion } from '@generatrix/runtime/media';

/** Cells a side of the grid that the density is evaluated on. */
const cells = 160;
/** Draws that tell which part of the plane to show. */
const draws = 500;

/** The centres of a square grid of cells, the lowest row first: [cells^2, 2]. */
function gridCentres([x, y]: readonly [number, number], halfWidth: number): HostTensor {
  const at = (centre: number, i: number) => centre + halfWidth * ((2 * (i + 0.5)) / cells - 1);
  const points = new Float32Array(cells * cells * 2);
  for (let i = 0; i < cells * cells; i++) {
    points[2 * i] = at(x, i % cells);
    points[2 * i + 1] = at(y, Math.floor(i / cells));
  }
  return hostTensor('float32', [cells * cells, 2], points);
}

/**
 * The density of an exported 2-D model as a picture, over the region of its own samples; null for other models and
 * for those that are given something with each example.
 * @param bundle folder of the bundle
 */
export async function densityPicture(bundle: string): Promise<Uint8Array | null> {
  const sampler = await loadSampler(bundle, { device: 'cpu' });
  try {
    const { data, programs } = sampler.manifest;
    if (data.kind !== 'points' || data.shape[0] !== 2 || !('logProb' in programs)) return null;
    // A density given something is another for each thing given.
    if (Object.values(programs.logProb!.inputs).some(({ role }) => role === 'condition')) return null;
    const { data: samples } = await sampler.sample({ count: draws, seed: 42 });
    const extent = plotRegion(samples.data);
    const { values } = await sampler.logProb({
      data: gridCentres(extent.centre, extent.halfWidth),
      batchSize: 4096,
    });
    const density = hostTensor('float32', [cells, cells], values.map(Math.exp));
    return await encodePng(densityPlot(density, { extent }));
  } finally {
    await sampler.release();
  }
}
