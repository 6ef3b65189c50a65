import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { InferenceEngine } from '../engine/engine.ts';
import type { LimitTable } from '../engine/limits.ts';
import type { AnswerBudget } from './answer-budget.ts';
import type { ResponseCache } from './cache/response-cache.ts';
import type { ServeConfig } from './config-schema.ts';
import type { TextThread } from './json/text-thread.ts';
import type { Metrics } from './metrics.ts';
import type { Statistics } from './statistics.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

/** Who asks: by key, or by address where no key is asked for. */
export interface Asker {
  readonly key?: string | undefined;
  readonly address: string | undefined;
}

/** A limit on requests, counted together whatever they come by. */
export interface RateLimit {
  /** For requests over HTTP. */
  readonly handler: RequestHandler;
  /** Counts a request that came by something else. @throws HttpError 429. */
  count(asker: Asker): Promise<void>;
}

/** What every part of the server shares. */
export interface ServerContext {
  /** Of this package. */
  readonly version: string;
  readonly config: ServeConfig;
  /** What requests to each model may take. */
  readonly limits: LimitTable;
  readonly engine: InferenceEngine;
  readonly metrics: Metrics;
  readonly statistics: Statistics;
  readonly cache: ResponseCache;
  readonly limiter: RateLimit;
  /** Wrong API keys, by address. */
  readonly wrongKeys: RateLimit;
  readonly budget: AnswerBudget;
  /** Reads and writes large JSON. */
  readonly text: TextThread;
  readonly logger: Logger;
  /** Null where no traces are asked for. */
  readonly telemetry: Telemetry | null;
  /** True from the first signal to stop: readiness has dropped. */
  readonly draining: () => boolean;
}
