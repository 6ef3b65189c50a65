/** The part of the runtime that knows no onnxruntime: types, noise, manifests. Safe to import anywhere. */
export * from './executor.ts';
export * from './program.ts';
export * from './tensor.ts';
