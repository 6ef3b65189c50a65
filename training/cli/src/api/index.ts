/** What the command does, for programs: training, evaluation, export and serving. */
export { loadSampler } from '@generatrix/runtime';
export { UserError } from '@generatrix/runtime/core';
export {
  describeFigure,
  parseReproduction,
  type ReproductionRecord,
} from '../reproduce/record.ts';
export { type EvaluateOptions, evaluate } from './evaluate.ts';
export { type ExportedBundle, type ExportOptions, exportBundle } from './export-bundle.ts';
export { type ServeOptions, serve } from './serve.ts';
export {
  type ResumeOptions,
  resume,
  type TrainEvents,
  type TrainedRun,
  type TrainOptions,
  train,
} from './train.ts';
