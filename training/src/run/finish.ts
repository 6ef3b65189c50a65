import { arch, cpus, platform } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '@generatrix/runtime/core';
import { usedParameter } from '../core/parameter-average.ts';
import type { Dataset } from '../data/dataset.ts';
import { pointDistributionOf } from '../data/point-distributions.ts';
import { familyOf } from '../families/family-plugin.ts';
import { describePhases, planPhases } from '../model/phases.ts';
import { readMetrics } from '../record/metrics.ts';
import { readRun } from '../record/run-folder.ts';
import { runModel } from '../record/run-model.ts';
import { filterGalleries } from '../report/filter-gallery.ts';
import { formatNats, formatNumber } from '../report/format-number.ts';
import { type MetricBounds, modelWords } from '../report/metric-words.ts';
import { writeReport } from '../report/report.ts';
import { type Gallery, modelGalleries, progressGallery } from '../report/report-gallery.ts';
import { chainGalleries } from './chain-gallery.ts';
import { dataSummary } from './data-summary.ts';
import { exportRun } from './export-run.ts';
import type { TrainResult } from './train.ts';
import { loadTrained } from './trained-model.ts';
import { type Output, silent } from './watcher.ts';

/** Folder of the bundle inside a run's folder. */
export const bundleFolder = (run: string) => join(run, 'bundle');

/**
 * After the last step: exports the bundle and writes the report, both into the run's folder.
 * @throws what the export throws, after the report is written, which then says so.
 */
export async function finishRun(
  folder: string,
  result: TrainResult,
  data: { readonly train: Dataset; readonly validation: Dataset | null },
  output: Output = silent,
): Promise<void> {
  const exported = await exportRun(folder, bundleFolder(folder), ['shared'], result.engine, null, {
    overwrite: true,
    onProgress: (line) => output.error(line),
  }).catch((error: unknown) => ({ error }));
  const failed = 'error' in exported;
  const { settings, data: description } = await readRun(folder);
  const { model } = await runModel(settings, description);
  const phases = describePhases(planPhases(model, settings));
  const path = join(folder, 'report.html');
  const real = data.validation ?? data.train;
  await writeReport(path, {
    title: `${settings.family} on ${settings.data.name}`,
    notes: [
      `${(await familyOf(settings)).title}.`,
      `${result.step} steps in ${result.seconds.toFixed(1)} s, on ${result.engine}.`,
      ...(phases === null
        ? []
        : [`${phases.replace('phases', 'Phases')}; what is reported belongs to the phase of its step.`]),
      `Waiting for data: ${(100 * result.dataWait).toFixed(1)} % of the time.`,
      ...(result.heldOut === null
        ? []
        : [
            'Log-likelihood of validation examples after the last step (or a lower bound of it): ' +
              `${formatNats(result.heldOut)} nats each.`,
          ]),
      failed
        ? `The export failed: ${messageOf(exported.error)}.`
        : `The exported programs give the numbers of TensorFlow.js, to ${formatNumber(exported.maxRelativeError)} of their scale.`,
    ],
    galleries: [
      ...(failed ? [] : await modelGalleries(bundleFolder(folder), real)),
      ...(failed ? [] : await chainGalleries(bundleFolder(folder), real)),
      ...(failed ? [] : await filtersOf(folder)),
      ...(await progressGallery(join(folder, 'samples'))),
    ],
    metrics: await readMetrics(join(folder, 'metrics.jsonl')),
    meanings: modelWords(model.metrics ?? {}),
    bounds: modeBounds(settings.data.name),
    data: await dataSummary(data.train, data.validation),
    settings,
    environment: {
      node: process.version,
      platform: `${platform()} ${arch()}`,
      cpu: cpus()[0]?.model ?? 'unknown',
    },
  });
  if (failed) {
    output.log(`wrote ${path} (samples and curves); the checkpoints are kept`);
    throw exported.error;
  }
  output.log(`wrote ${bundleFolder(folder)} (the exported model) and ${path} (samples and curves)`);
}

/** The filters of a run's model, where it says which they are. */
async function filtersOf(folder: string): Promise<Gallery[]> {
  const { model, state, data } = await loadTrained(folder);
  const weights = model.filters === undefined ? undefined : usedParameter(state, model.filters);
  return weights === undefined ? [] : filterGalleries(weights, data.spec);
}

/** The number of modes that samples can hit, for data whose modes are known. */
function modeBounds(dataset: string): MetricBounds {
  const modes = pointDistributionOf(dataset)?.modes;
  return modes === undefined ? {} : { modesHit: [0, modes.centres.length] };
}
