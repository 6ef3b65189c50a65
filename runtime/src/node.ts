/** Entry point for Node: everything in `core`, and executors over onnxruntime-node. */
export * from './core.ts';
export type { ExecutorOptions } from './devices.ts';
export { loadSampler, openFolder } from './load-node.ts';
export type { LoadSamplerOptions } from './load-sampler.ts';
export { createExecutor, reportDevices } from './ort-node.ts';
export { bundleFolder, folderSource } from './source-node.ts';
