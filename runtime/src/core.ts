/** The part of the runtime that knows no onnxruntime: types, noise, manifests. Safe to import anywhere. */
export { messageOf, UserError } from './errors.ts';
export * from './executor.ts';
export { fillNoise, hashName, type NoiseRequest, type Seed } from './noise.ts';
export { philox4x32 } from './philox.ts';
export * from './program.ts';
export { permutation, type RandomStream, randomStream } from './random-stream.ts';
export { decodeSafetensors, encodeSafetensors, type Safetensors } from './safetensors.ts';
export * from './tensor.ts';
