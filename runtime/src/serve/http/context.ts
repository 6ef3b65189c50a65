import type { Logger } from 'pino';
import type { InferenceEngine } from '../engine/engine.ts';
import type { ResponseCache } from './cache/response-cache.ts';
import type { ServeConfig } from './config-schema.ts';
import type { Metrics } from './metrics.ts';

/** What every part of the server shares. */
export interface ServerContext {
  /** Of this package. */
  readonly version: string;
  readonly config: ServeConfig;
  readonly engine: InferenceEngine;
  readonly metrics: Metrics;
  readonly cache: ResponseCache;
  readonly logger: Logger;
  /** True from the first signal to stop: readiness has dropped. */
  readonly draining: () => boolean;
}
