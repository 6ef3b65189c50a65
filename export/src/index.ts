export {
  type BundleFiles,
  type BundleFormat,
  type BundleRequest,
  ParityError,
  packBundle,
} from './bundle/pack.ts';
export { type PortableLoops, type PortableOptions, portableGraph, portableLoops } from './bundle/portable.ts';
export { type ExportedProgram, type ForcedDraws, traceExported } from './bundle/program.ts';
export { referenceInputs } from './bundle/reference.ts';
export { type SharedWeights, shareWeights } from './bundle/shared-weights.ts';
export { packTraining, type TrainingRequest } from './bundle/trainable.ts';
export { type ComplexPair, fourierTransform } from './composites/fourier.ts';
export { type ShortTimeOptions, shortTimeFourier } from './composites/short-time-fourier.ts';
export { withWeightsInside } from './foreign/external-data.ts';
export { importOnnx } from './foreign/import-onnx.ts';
export {
  type DeclaredInput,
  type ImportedProgram,
  type ImportPlan,
  importedPrograms,
} from './foreign/import-plan.ts';
export {
  graphModelFunction,
  importTfjs,
  layersModelFunction,
  type TfjsModel,
} from './foreign/import-tfjs.ts';
export type { ImportAbout, RenderSamples } from './foreign/imported-bundle.ts';
export { type GraphModelTraceOptions, traceGraphModel } from './foreign/trace-graph-model.ts';
export { checkGraph } from './graph/check.ts';
export * from './graph/ir.ts';
export { printGraph } from './graph/print.ts';
export * from './graph-model/index.ts';
export { traceLayersModel } from './layers-model.ts';
export type { LayersStep, LayersTensors, LayersTraining } from './layers-training.ts';
export { largestOnnx, lowerToOnnx, type OnnxOptions, type OnnxProgram, writeOnnx } from './onnx/write.ts';
export { piecewise } from './passes/piecewise.ts';
export { simplify } from './passes/simplify.ts';
export { softplusInParts } from './passes/softplus.ts';
export { tf } from './tf.ts';
export { TraceError } from './trace/errors.ts';
export { ForeignData } from './trace/recorder.ts';
export { scan } from './trace/scan.ts';
export type { ScanOptions, ScanResult, ScanStep } from './trace/scan-types.ts';
export { type BatchedInput, traceBatched } from './trace/symbolic.ts';
export { type NamedTensors, type TensorFunction, type TraceInput, trace } from './trace/trace.ts';
export { type TritonRequest, tritonRepository } from './triton/repository.ts';
