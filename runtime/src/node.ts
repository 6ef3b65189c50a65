/** Entry point for Node: everything in `core`, and executors over onnxruntime-node. */

export { bundleFolder, folderSource } from './bundle/source-node.ts';
export * from './core.ts';
export { loadSampler, openFolder } from './model/load-node.ts';
export type { LoadSamplerOptions } from './model/load-sampler.ts';
export {
  type CudaPart,
  cudaFolders,
  cudaLibraries,
  cudaParts,
  cudaProviders,
} from './ort/cuda-libraries.ts';
export type { ExecutorOptions } from './ort/devices.ts';
export { engineVersion } from './ort/engine-node.ts';
export { createExecutor, reportDevices } from './ort/ort-node.ts';
export { runAtOnce } from './ort/run-at-once.ts';
