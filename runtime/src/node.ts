/** Entry point for Node: everything in `core`, and executors over onnxruntime-node. */
export * from './core.ts';
export type { ExecutorOptions } from './devices.ts';
export { createExecutor, reportDevices } from './ort-node.ts';
