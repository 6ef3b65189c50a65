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
} from './bundle.ts';
export { canStream } from './can-stream.ts';
export { compareOutputs, type Difference, parityTolerance } from './comparison.ts';
export { type CompleteRequest, type Completion, completionOf } from './complete.ts';
export { digestHex } from './digest.ts';
export { messageOf, UserError } from './errors.ts';
export * from './executor.ts';
export { fillInputs, type InputSources } from './inputs.ts';
export { drawLabels, type LabelLaw } from './labels.ts';
export {
  bundleFormat,
  bundleVersion,
  type FileEntry,
  type Manifest,
  type ProgramEntry,
  parseManifest,
} from './manifest.ts';
export { fillNoise, hashName, type NoiseRequest, type Seed } from './noise.ts';
export {
  checkParity,
  compareWithReference,
  type ParityRow,
  type Reference,
  readReference,
} from './parity.ts';
export { philox4x32 } from './philox.ts';
export * from './program.ts';
export { permutation, type RandomStream, randomStream } from './random-stream.ts';
export { decodeSafetensors, encodeSafetensors, type Safetensors } from './safetensors.ts';
export {
  type BatchOptions,
  type ConditionOptions,
  createSampler,
  type LogProbRequest,
  type LogProbs,
  type SampleRequest,
  type Sampler,
  type Samples,
} from './sampler.ts';
export type { DrawKind } from './sampler-arguments.ts';
export { sha256Hex } from './sha256.ts';
export { webSource } from './source-web.ts';
export { nextCarries, type StreamPart, type StreamRequest } from './stream.ts';
export * from './tensor.ts';
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
export { portNames, type StepInputs, stackedFeeds, stepFeeds } from './train/step-feeds.ts';
export { downloadAll } from './transfer.ts';
