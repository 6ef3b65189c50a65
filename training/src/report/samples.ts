import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataSpec, HostTensor } from '@generatrix/runtime/core';
import { canRender, renderSamples } from '@generatrix/runtime/media';
import { writeFileAtomic } from '../files/atomic.ts';

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
