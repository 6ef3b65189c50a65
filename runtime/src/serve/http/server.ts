import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import type { DestinationStream } from 'pino';
import type { EngineOptions, InferenceEngine } from '../engine/engine.ts';
import { LimitTable } from '../engine/limits.ts';
import { createEngine } from '../engine/serving.ts';
import type { GrpcListener } from '../grpc/listen-grpc.ts';
import { AnswerBudget } from './answer-budget.ts';
import { createApp } from './app.ts';
import { ResponseCache } from './cache/response-cache.ts';
import type { ServeConfig } from './config-schema.ts';
import type { ServerContext } from './context.ts';
import { TextThread } from './json/text-thread.ts';
import { addressOf, type Listener, listen, type Place } from './listen.ts';
import { allObservers, createLogger, logObserver } from './logger.ts';
import { createManagementApp } from './management.ts';
import { createMetrics } from './metrics.ts';
import { limitRate } from './rate-limit.ts';
import { shutDown } from './shutdown.ts';
import { Statistics } from './statistics.ts';
import { createTelemetry } from './telemetry/create-telemetry.ts';

export interface RunningServer {
  /** `http://127.0.0.1:8080`; of a Unix domain socket `unix:/run/generatrix.sock`. */
  readonly url: string;
  readonly managementUrl?: string;
  /** Of gRPC: `127.0.0.1:9000`. */
  readonly grpcAddress?: string;
  readonly engine: InferenceEngine;
  /**
   * Readiness drops; after the grace time the server closes, open requests end, the engine drains and ends. Called
   * again, it gives the same promise.
   */
  stop(): Promise<void>;
  /** Cuts every connection and ends the engine. */
  kill(): Promise<void>;
}

export interface StartOptions {
  /** Folder of the built page. */
  readonly site?: string;
  /** Where log lines go; standard error when absent. */
  readonly logStream?: DestinationStream;
  /** Where OpenTelemetry's variables, OTEL_..., are read; the process's when absent. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Makes the engine; tests pass one of their own. */
  readonly makeEngine?: (options: EngineOptions) => Promise<InferenceEngine>;
}

/** Wrong API keys from one address that are answered with 401. */
const wrongKeysPerMinute = 20;

const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string };

/**
 * Serves a folder of bundles.
 * @throws UserError when a setting makes no sense here: no such folder, device or certificate, a port that is taken.
 */
export async function startServer(
  asked: ServeConfig,
  { site, logStream, environment = process.env, makeEngine = createEngine }: StartOptions = {},
): Promise<RunningServer> {
  const config = { ...asked, workers: workersOf(asked) };
  const limits = new LimitTable(config);
  const logger = createLogger(config, logStream);
  const metrics = createMetrics();
  const statistics = new Statistics();
  const cache = new ResponseCache(config.cacheBytes);
  const telemetry = await createTelemetry(environment, metrics.registry, version);
  const engine = await makeEngine({
    folder: config.models,
    workers: config.workers,
    ...(config.workerMemoryMb > 0 && { workerMemoryBytes: config.workerMemoryMb * 2 ** 20 }),
    ...(config.modelMemoryMb > 0 && { modelMemoryBytes: config.modelMemoryMb * 2 ** 20 }),
    threadsPerWorker: config.threadsPerWorker,
    device: config.device,
    maxBatch: config.maxBatch,
    maxWaitMs: config.maxWaitMs,
    queueLimit: config.queueLimit,
    timeoutMs: config.timeoutMs,
    maxCount: config.maxCount,
    modelSettings: config.modelSettings,
    watch: config.watch,
    ...(config.modelControl === 'explicit' && { only: config.loadModels }),
    readyWhen: config.readyWhen,
    observer: allObservers(metrics.observer, logObserver(logger), {
      modelChanged: ({ name, version, change }) => {
        if (change === 'replaced' || change === 'removed') cache.forget(name, version);
        if (change === 'removed') statistics.forget({ name, version });
      },
      ran: ({ model: name, version, program, rows, runMs }) => {
        statistics.ran({ name, version }, program, rows, runMs);
      },
    }),
  }).catch(async (error: unknown) => {
    await telemetry?.close();
    throw error;
  });
  const budget = new AnswerBudget(config.answerBytes);
  metrics.watch(engine, cache, budget);
  let draining = false;
  const context: ServerContext = {
    version,
    config,
    limits,
    engine,
    metrics,
    statistics,
    cache,
    limiter: limitRate(config.rateLimitPerMinute),
    wrongKeys: limitRate(wrongKeysPerMinute, 'wrong API keys'),
    budget,
    text: new TextThread(),
    logger,
    telemetry,
    draining: () => draining,
  };
  const listeners: Listener[] = [];
  let grpc: GrpcListener | undefined;
  const secure = config.tlsCert !== undefined;
  const onRefused = (status: number) => {
    metrics.answered({ model: 'none', program: 'none' }, status, 0);
    metrics.failed({ model: 'none', program: 'none' }, status === 408 ? 'slow-request' : 'malformed');
  };
  try {
    const app = createApp(context, version, site);
    listeners.push(await listen(app, context, placeOf(config), onRefused));
    if (config.managementPort !== undefined) {
      const at = { host: '127.0.0.1', port: config.managementPort, secure: false };
      listeners.push(await listen(createManagementApp(context), context, at, onRefused));
    }
    if (config.grpcPort !== undefined) {
      // What gRPC needs is loaded by those who want it only.
      const { listenGrpc } = await import('../grpc/listen-grpc.ts');
      grpc = await listenGrpc(context, config.grpcPort);
    }
  } catch (error) {
    for (const { server } of listeners) server.close();
    await Promise.all([engine.close(), telemetry?.close()]);
    throw error;
  }
  let stopped: Promise<void> | undefined;
  const [main, management] = listeners;
  return {
    url: addressOf(main!, secure),
    ...(management && { managementUrl: addressOf(management, false) }),
    ...(grpc && { grpcAddress: grpc.address }),
    engine,
    stop: () => {
      stopped ??= shutDown(context, { listeners, others: grpc ? [grpc] : [] }, () => {
        draining = true;
      });
      return stopped;
    },
    kill: async () => {
      draining = true;
      for (const { server } of listeners) {
        server.close();
        server.closeAllConnections();
      }
      grpc?.cut();
      await Promise.all([engine.close(), telemetry?.close()]);
      await context.text.close();
    },
  };
}

/** Of a device that has room for one, one; as many as there are cores where no number is said. */
function workersOf({ device, workers }: ServeConfig): number {
  return device === 'webgpu' ? 1 : workers || availableParallelism();
}

function placeOf({ socket, socketMode, host, port, tlsCert }: ServeConfig): Place {
  if (socket === undefined) return { host, port, secure: tlsCert !== undefined };
  return { socket, mode: Number.parseInt(socketMode, 8) };
}
