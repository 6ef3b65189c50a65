/** A server of bundles over HTTP, for Node: `loadConfig`, then `startServer`. */
export {
  type EngineObserver,
  type EngineOptions,
  type InferenceEngine,
  type RefusedModel,
  type RunRequest,
  type RunResult,
  type ServedModel,
  ServeError,
  type ServeErrorKind,
} from './engine/engine.ts';
export { createEngine } from './engine/serving.ts';
export { hashKey } from './http/api-key.ts';
export { type ConfigSources, loadConfig } from './http/config.ts';
export { type ConfigField, configFields, type ServeConfig } from './http/config-schema.ts';
export { pageHeaders } from './http/page-headers.ts';
export { type RunningServer, type StartOptions, startServer } from './http/server.ts';
