export { checkGraph } from './graph/check.ts';
export * from './graph/ir.ts';
export { printGraph } from './graph/print.ts';
export { simplify } from './passes/simplify.ts';
export { tf } from './tf.ts';
export { TraceError } from './trace/errors.ts';
export { type ScanOptions, type ScanStep, scan } from './trace/scan.ts';
export { type BatchedInput, traceBatched } from './trace/symbolic.ts';
export { type NamedTensors, type TensorFunction, type TraceInput, trace } from './trace/trace.ts';
