/** Entry point for browsers: everything in `core`, and executors over onnxruntime-web. */
export * from './core.ts';
export type { LoadSamplerOptions } from './model/load-sampler.ts';
export { loadSampler } from './model/load-web.ts';
export type { ExecutorOptions } from './ort/devices.ts';
export {
  configureWeb,
  createExecutor,
  openCandidate,
  reportDevices,
  type WebBuild,
  type WebConfiguration,
} from './ort/ort-web.ts';
