/** Model families, data sets, engines and the training loop. */

export {
  type BundleFormat,
  type DeclaredInput,
  type ImportedProgram,
  importedPrograms,
  type PortableLoops,
  type PortableOptions,
  portableLoops,
  tf,
} from '@generatrix/export';
export { z } from 'zod';
export { type CheckRequest, type CheckResult, checkFamily } from './check/check-family.ts';
export { type Chain, type ChainStep, chainProgram } from './core/chain.ts';
export { type GradientModel, type GradientPhase, gradientModel } from './core/gradient-model.ts';
export { byteDataset, fieldOf } from './data/dataset.ts';
export {
  addDataset,
  type Dataset,
  type DatasetCall,
  type DatasetDeclaration,
  type DatasetPart,
  type DatasetPlugin,
  type DatasetRequest,
  datasetCatalogue,
  datasetNames,
  datasetPlugins,
  defineDataset,
  floatDataset,
  loadDataset,
  loadDatasetPlugin,
  partOf,
} from './data/index.ts';
export type { Engine, Trainer } from './engine/engine.ts';
export { initialState } from './engine/initial-state.ts';
export { onnxEngine } from './engine/onnx-engine.ts';
export { writeStep, writeSteps } from './engine/step-program.ts';
export { tfjsEngine, toTensor } from './engine/tfjs-engine.ts';
export { binarised } from './evaluate/binarisation.ts';
export { diagnostics, type Reported } from './evaluate/catalogue.ts';
export { type ChainStatistics, chainStatistics } from './evaluate/chain/chain-statistics.ts';
export {
  type ClassifierEffort,
  classifierRefuses,
  classifierSettings,
} from './evaluate/classifier/reference-classifier.ts';
export { isSkipped } from './evaluate/diagnostic.ts';
export {
  checkEvaluationFolder,
  checkSameKind,
  diagnosticsNamed,
  evaluate,
  evaluationJson,
  writeEvaluation,
} from './evaluate/evaluate.ts';
export type { EvaluationRequest } from './evaluate/evaluation.ts';
export { graphModelParity } from './evaluate/graph-model-parity.ts';
export { publishedModeSamples } from './evaluate/modes/mode-coverage.ts';
export { parzen } from './evaluate/parzen/parzen.ts';
export { type SampleSource, samplerSource } from './evaluate/sample-source.ts';
export { checkShape, familyOf, loadFamily } from './families/family-plugin.ts';
export {
  addFamily,
  buildModel,
  families,
  familyNamed,
  knownFamilies,
  pluginOf,
} from './families/registry.ts';
export { type ImportRequest, importModel } from './import/import-model.ts';
export type { DataDescription, Family, FamilyDeclaration, Preset, Trainable } from './model/family.ts';
export { dataDescription, defineFamily, familyDescription } from './model/family.ts';
export type { Model, ModelProgram, StepArguments, StepResult } from './model/model.ts';
export { scheduleShape } from './model/schedule.ts';
export type { HostState, StateSpecs } from './model/state.ts';
export {
  optionsOfOptimizers,
  settleTraining,
  type TrainingOptions,
  trainingOptionsShape,
  withoutTraining,
} from './model/training-options.ts';
export { dense, mlp } from './nn/dense.ts';
export {
  bernoulliLogProb,
  normalLogProb,
  standardNormalDivergence,
  standardNormalLogProb,
  sumExamples,
} from './nn/distributions.ts';
export { distributionTails } from './nn/inversion.ts';
export { inference, type Module, newPass, type Pass, sequential } from './nn/module.ts';
export { isModulePath, loadModule } from './plugin/load-module.ts';
export { type PluginFile, pluginFile } from './plugin/plugin-file.ts';
export { type RunSettings, type RunSettingsInput, settingsSchema } from './record/index.ts';
export { defineConfig, type ProjectConfig } from './record/project.ts';
export { checkConfig, type RunConfig, readConfig } from './run/config.ts';
export { bindState, exportRun } from './run/export-run.ts';
export { exportTriton } from './run/export-triton.ts';
export { bundleFolder } from './run/finish.ts';
export { describeRun, estimateSeconds, runTraining, type Watcher } from './run/run-training.ts';
export { type TrainRequest, type TrainResult, train } from './run/train.ts';
export { checkExportFolder, loadTrained, type TrainedModel } from './run/trained-model.ts';
export type { Output, Progress, ProgressCourse } from './run/watcher.ts';
export { loadTracker, type Tracker } from './tracking/tracker.ts';
