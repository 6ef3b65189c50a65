/**
 * The part of the runtime that knows no onnxruntime: types, noise, bundles, and samplers over any executor. Safe to
 * import anywhere.
 */
export {
  type Bundle,
  type BundleSource,
  openBundle,
  type Progress,
  type ReadOptions,
} from './bundle/bundle.ts';
export { digestHex } from './bundle/digest.ts';
export { encodeManifest, parseManifest } from './bundle/manifest.ts';
export {
  bundleFormat,
  bundleVersions,
  type FileEntry,
  type Manifest,
  type ModelDescription,
  type ProgramEntry,
} from './bundle/manifest-schema.ts';
export { programFiles } from './bundle/program-files.ts';
export { decodeSafetensors, encodeSafetensors, type Safetensors } from './bundle/safetensors.ts';
export { sha256Hex } from './bundle/sha256.ts';
export { type RunnableProgram, readRunnable } from './bundle/signature-check.ts';
export { webSource } from './bundle/source-web.ts';
export { messageOf, UserError } from './errors.ts';
export { type Cell, cellText, csvHeader, csvLines, encodeRow, tableRows } from './media/table-rows.ts';
export {
  canInterpolateSeeds,
  canReconstruct,
  canStream,
  canWalk,
  type Density,
  densityOf,
  drawsParts,
  samplingInputs,
  samplingProgram,
  transitionProgram,
} from './model/abilities.ts';
export { runChain } from './model/chain.ts';
export { checkCompletion } from './model/complete.ts';
export { completionOf } from './model/completion-of.ts';
export type {
  BatchOptions,
  CompleteRequest,
  Completion,
  ConditionOptions,
  DrawKind,
  Endpoint,
  InterpolateRequest,
  LogProbRequest,
  LogProbs,
  ModelView,
  RunnableModel,
  RunProgram,
  SampleRequest,
  Samples,
  StreamPart,
  StreamRequest,
} from './model/contract.ts';
export { fillInputs, type InputSources } from './model/inputs.ts';
export {
  type AnnealedPartition,
  canAnneal,
  type LogPartition,
  type LogPartitionRequest,
  type ReverseRequest,
} from './model/log-partition.ts';
export { nextCarries } from './model/next-carries.ts';
export {
  checkParity,
  compareWithReference,
  type ParityRow,
  type Reference,
  readReference,
} from './model/parity.ts';
export { createSampler, type Sampler } from './model/sampler.ts';
export type { Held, WalkPart, WalkRequest } from './model/walk.ts';
export { drawLabels, type LabelDistribution } from './noise/labels.ts';
export { fillNoise, hashName, type NoiseRequest, randomSeed, type Seed } from './noise/noise.ts';
export { philox4x32 } from './noise/philox.ts';
export { permutation, type RandomStream, randomStream } from './noise/random-stream.ts';
export { compareOutputs, type Difference, parityTolerance } from './program/comparison.ts';
export * from './program/executor.ts';
export * from './program/program.ts';
export * from './program/table-columns.ts';
export * from './program/tensor.ts';
export {
  type Batch,
  type Batching,
  batchPlan,
  type Examples,
  type NoiseSpec,
  stepInputs,
} from './train/batches.ts';
export { drawInitialState, type StateSpec } from './train/initial-state.ts';
export { TrainingState } from './train/stateful-step.ts';
export { type StepInputs, stackedFeeds, stepFeeds } from './train/step-feeds.ts';
