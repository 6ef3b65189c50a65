/** What a run keeps in its folder. Nothing here loads TensorFlow.js. */
export { type CheckpointChoice, parseChoice } from './best-checkpoint.ts';
export { checkpointFolder, checkpointSteps } from './checkpoint.ts';
export { dataChange, fingerprintsOf } from './data-check.ts';
export { type MetricsLine, readMetrics } from './metrics.ts';
export { defineConfig, type Project, type ProjectConfig, readProject } from './project.ts';
export { hasRun, type RunRecord, readRun, runData, writeRun } from './run-folder.ts';
export { type RunTime, readRunTime } from './run-time.ts';
export { parseSettings, type RunSettings, type RunSettingsInput, settingsSchema } from './settings.ts';
