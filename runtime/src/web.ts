/** Entry point for browsers: everything in `core`, and executors over onnxruntime-web. */
export * from './core.ts';
export type { ExecutorOptions } from './devices.ts';
export { configureWeb, createExecutor, reportDevices, type WebConfiguration } from './ort-web.ts';
