/** Entry point for browsers: everything in `core`, and executors over onnxruntime-web. */
export * from './core.ts';
export type { ExecutorOptions } from './devices.ts';
export type { LoadSamplerOptions } from './load-sampler.ts';
export { loadSampler } from './load-web.ts';
export {
  configureWeb,
  createExecutor,
  openCandidate,
  reportDevices,
  type WebConfiguration,
} from './ort-web.ts';
