/** Training a bundle where onnxruntime runs. Apart from the rest of the runtime, so that pages that only sample leave it out. */
export { bindWeights } from './bind-weights.ts';
export {
  type BundleTrainer,
  bundledExamples,
  type TrainerOptions,
  tensorExamples,
  trainBundle,
} from './bundle-trainer.ts';
export { type TrainedAs, trainedBundle } from './trained-bundle.ts';
export { type TrainingEntry, trainingJson, trainingOf } from './training-entry.ts';
