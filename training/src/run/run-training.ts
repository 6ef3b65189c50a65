import { augmentation } from '../data/augment.ts';
import { checkPartsAgree, type Dataset, describeDatasets, loadDataset } from '../data/index.ts';
import { checkBatchMemory } from '../engine/batch-memory.ts';
import { familyOf } from '../families/family-plugin.ts';
import { checkSpace } from '../files/limits.ts';
import { dataDescription } from '../model/family.ts';
import { refuseUnused } from '../model/option-use.ts';
import { describePhases, planPhases } from '../model/phases.ts';
import { fingerprintsOf, refuseChange } from '../record/data-check.ts';
import { type OpenRun, openRun } from '../record/open-run.ts';
import { hasRun, type RunRecord, readRun, runData, writeRun } from '../record/run-folder.ts';
import { runModel } from '../record/run-model.ts';
import { timedRun } from '../record/run-time.ts';
import { parseSettings, type RunSettings, type RunSettingsInput } from '../record/settings.ts';
import { describeDryRun, dryRun, stateBytes } from './dry-run.ts';
import { finishRun } from './finish.ts';
import { type TrainRequest, type TrainResult, train } from './train.ts';
import { silent } from './watcher.ts';

/** What follows a run from outside and may stop it, see `TrainRequest`. */
export interface Watcher
  extends Pick<
    TrainRequest,
    'onStep' | 'onSamples' | 'onCheckpoint' | 'tracker' | 'progress' | 'output' | 'signal'
  > {
  /** Called once the folder holds a run that can be resumed, before the first step. */
  readonly onBegin?: () => void;
}

/**
 * What a run with these settings would take, a line each; nothing is written.
 * @param asked options of the family that the user gave: one without effect is refused
 */
export async function describeRun(given: RunSettingsInput, asked: readonly string[] = []): Promise<string[]> {
  const settings = parseSettings(given, 'settings');
  const parts = await loadParts(settings);
  const { model, phases, settled } = await modelFor(settings, parts.train, asked);
  const stages = describePhases(phases);
  return [
    describeDatasets([parts.train, parts.validation]),
    ...(stages === null ? [] : [stages]),
    ...describeDryRun(await dryRun({ settings: settled, model, ...parts }), settled),
  ];
}

/** Seconds that the steps of a run with these settings would take here, by a few of them; null when none was timed. */
export async function estimateSeconds(given: RunSettingsInput): Promise<number | null> {
  const settings = parseSettings(given, 'settings');
  const parts = await loadParts(settings);
  const { model, settled } = await modelFor(settings, parts.train, []);
  const { stepMilliseconds } = await dryRun({ settings: settled, model, ...parts });
  return stepMilliseconds === null ? null : (stepMilliseconds * settled.steps) / 1000;
}

/** The parts of its data that a run looks at. @throws UserError when they do not go together, too. */
async function loadParts(settings: RunSettings): Promise<{ train: Dataset; validation: Dataset }> {
  const train = await loadDataset(runData(settings, 'train'));
  const validation = await loadDataset(runData(settings, 'validation'));
  checkPartsAgree(train, validation);
  return { train, validation };
}

/** The model of a run, and its settings with the family's defaults. @throws UserError when they do not fit the data. */
async function modelFor(settings: RunSettings, dataset: Dataset, asked: readonly string[]) {
  augmentation(settings.augment, dataset.spec, settings.seed);
  const data = dataDescription(dataset);
  const { model, options } = await runModel(settings, data);
  refuseUnused(await familyOf(settings), asked, options, data.spec.kind);
  const phases = planPhases(model, settings);
  if (settings.engine === 'onnx')
    for (const phase of phases) checkBatchMemory(phase.model, phase.batchSize, dataset.spec.shape);
  return { model, phases, data, settled: { ...settings, options, ...model.training } };
}

/**
 * Trains in a folder, from its latest checkpoint if it has one, then writes the bundle and the report. The watcher's
 * signal stops it after the step in progress; what was done is saved. No other process can write to the folder
 * meanwhile.
 * @param options.overwrite starts anew where the folder holds a run, whose files are deleted
 * @param options.origin what begins the run, where that is no `train`
 * @param options.asked options of the family that the user gave: one without effect is refused
 */
export async function runTraining(
  folder: string,
  given: RunSettingsInput,
  watcher: Watcher = {},
  options: {
    readonly overwrite?: boolean;
    readonly origin?: 'tour';
    readonly asked?: readonly string[];
  } = {},
): Promise<TrainResult> {
  const settings = parseSettings(given, 'settings');
  const run = await openRun(folder, options);
  try {
    const before = options.overwrite !== true && (await hasRun(folder)) ? await readRun(folder) : null;
    return await trainIn(run, folder, settings, watcher, {
      before,
      origin: options.origin,
      asked: options.asked ?? [],
    });
  } finally {
    await run.close();
  }
}

async function trainIn(
  run: OpenRun,
  folder: string,
  settings: RunSettings,
  watcher: Watcher,
  {
    before,
    origin,
    asked,
  }: { before: RunRecord | null; origin: 'tour' | undefined; asked: readonly string[] },
): Promise<TrainResult> {
  const { output = silent } = watcher;
  const { train: dataset, validation } = await loadParts(settings);
  output.error(describeDatasets([dataset, validation]));
  // Refused before anything is written.
  const fingerprints = await fingerprintsOf(dataset, validation);
  refuseChange(folder, before?.fingerprints, fingerprints);
  if (before !== null && before.fingerprints === undefined)
    output.error(`${folder}: the run did not record its data; it is taken to be the same`);
  const { model, data, settled } = await modelFor(settings, dataset, asked);
  // The checkpoints, the one that is being written, and the bundle.
  await checkSpace(
    folder,
    (settings.keepCheckpoints + (settings.keep === 'best' ? 3 : 2)) * stateBytes(model.state),
    'checkpoints and the bundle take',
  );
  await run.begin();
  await writeRun(folder, {
    settings: settled,
    data,
    fingerprints,
    ...(origin === undefined ? {} : { origin }),
  });
  watcher.onBegin?.();
  const recordTime = timedRun(folder);
  const result = await train({
    ...{ folder, settings: settled, model, train: dataset, validation },
    ...watcher,
  }).finally(recordTime);
  if (!result.finished) return result;
  if (result.stoppedEarly) {
    output.log(
      `stopped early at step ${result.step} of ${settled.steps}, as validation no longer improved; ` +
        `go on all the same with: generatrix resume ${folder} --early-stop 0`,
    );
  }
  await finishRun(folder, result, { train: dataset, validation }, output);
  return result;
}
