import { readdir, readFile } from 'node:fs/promises';
import { arch, cpus, platform } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '@generatrix/runtime/core';
import { densityPicture } from './density-picture.ts';
import { exportRun } from './export-run.ts';
import { readMetrics } from './metrics.ts';
import { writeReport } from './report.ts';
import { readRun } from './run-folder.ts';
import type { TrainResult } from './train.ts';

/** Folder of the bundle inside a run's folder. */
export const bundleFolder = (run: string) => join(run, 'bundle');

/**
 * After the last step: exports the bundle and writes the report, both into the run's folder.
 * @throws what the export throws, after the report is written, which then says so.
 */
export async function finishRun(folder: string, result: TrainResult): Promise<void> {
  const exported = await exportRun(folder, bundleFolder(folder), ['onnx'], result.engine, null, {
    overwrite: true,
  }).catch((error: unknown) => ({ error }));
  const verdict =
    'error' in exported
      ? `The export failed: ${messageOf(exported.error)}.`
      : `Exported programs agree with tfjs to ${exported.maxRelativeError.toExponential(1)} of their output's scale.`;
  const { settings } = await readRun(folder);
  const path = join(folder, 'report.html');
  await writeReport(path, {
    title: `${settings.family} on ${settings.data.name}`,
    settings: { ...settings, options: JSON.stringify(settings.options), data: JSON.stringify(settings.data) },
    metrics: await readMetrics(join(folder, 'metrics.jsonl')),
    images: [
      ...(await samplePictures(join(folder, 'samples'))),
      ...('error' in exported ? [] : await densityPictures(folder)),
    ],
    notes: [
      `${result.step} steps in ${result.seconds.toFixed(1)} s, on ${result.engine}.`,
      `Waiting for data: ${(100 * result.dataWait).toFixed(1)} % of the time.`,
      ...(result.heldOut === null
        ? []
        : [
            `Log-likelihood (or its bound) of validation data after the last step: ${result.heldOut.toFixed(3)} nats.`,
          ]),
      verdict,
    ],
    environment: {
      node: process.version,
      platform: `${platform()} ${arch()}`,
      cpu: cpus()[0]?.model ?? 'unknown',
    },
  });
  if ('error' in exported) {
    console.log(`wrote ${path} (curves and samples); the checkpoints are kept`);
    throw exported.error;
  }
  console.log(`wrote ${bundleFolder(folder)} (the exported model) and ${path} (curves and samples)`);
}

async function densityPictures(folder: string): Promise<{ caption: string; png: Uint8Array }[]> {
  const png = await densityPicture(bundleFolder(folder));
  return png === null ? [] : [{ caption: 'Density of the trained model', png }];
}

/** First, middle and last sample grids, so that the report shows the progress without growing with the run. */
async function samplePictures(folder: string): Promise<{ caption: string; png: Uint8Array }[]> {
  const files = await readdir(folder).catch(() => [] as string[]);
  const pictures = files.filter((file) => file.endsWith('.png')).toSorted();
  const chosen = new Set([0, Math.floor((pictures.length - 1) / 2), pictures.length - 1]);
  const kept = pictures.filter((_, i) => chosen.has(i));
  return Promise.all(
    kept.map(async (file) => ({
      caption: `Samples after step ${Number(/\d+/.exec(file)![0])}`,
      png: await readFile(join(folder, file)),
    })),
  );
}
