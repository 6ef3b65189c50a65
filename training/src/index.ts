/** Model families, data sets, engines and the training loop. */

export { runTraining } from './cli/train.ts';
export { type Dataset, type DatasetRequest, datasetCatalogue, loadDataset } from './data/index.ts';
export { partOf } from './data/part.ts';
export type { Engine, Trainer } from './engine/engine.ts';
export { onnxEngine } from './engine/onnx-engine.ts';
export { tfjsEngine, toTensor } from './engine/tfjs-engine.ts';
export { binarised } from './evaluate/binarisation.ts';
export { diagnostics } from './evaluate/catalogue.ts';
export { isSkipped } from './evaluate/diagnostic.ts';
export {
  checkSameKind,
  diagnosticsNamed,
  evaluate,
  evaluationJson,
  writeEvaluation,
} from './evaluate/evaluate.ts';
export type { EvaluationRequest } from './evaluate/evaluation.ts';
export { graphModelParity } from './evaluate/graph-model-parity.ts';
export { parzen } from './evaluate/parzen.ts';
export { type SampleSource, samplerSource } from './evaluate/sample-source.ts';
export { buildModel, families, familyNamed } from './families/registry.ts';
export type { Family } from './model/family.ts';
export { defineFamily } from './model/family.ts';
export type { Model } from './model/model.ts';
export type { HostState } from './model/state.ts';
export { distributionTails } from './nn/inversion.ts';
export { batchPlan, stepInputs } from './run/batches.ts';
export { bindState, exportRun } from './run/export-run.ts';
export { initialState } from './run/initial-state.ts';
export { type RunSettings, settingsSchema } from './run/settings.ts';
export { type TrainRequest, type TrainResult, train } from './run/train.ts';
export { loadTrained, type TrainedModel } from './run/trained-model.ts';
export { buildSite, serveSite } from './serve/site.ts';
export { type FamilyCase, familyCases } from './testing/cases.ts';
export { stirredState } from './testing/stirred-state.ts';
export { describeData, firstExamples, labelled, tinyImages, tinySounds } from './testing/tiny-data.ts';
