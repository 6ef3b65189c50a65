import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type { EngineObserver } from '../engine/engine.ts';
import type { ServeConfig } from './config-schema.ts';

/** Lines of JSON on standard error, written without blocking. */
export function createLogger(
  { logLevel }: Pick<ServeConfig, 'logLevel'>,
  stream?: DestinationStream,
): Logger {
  const options = {
    level: logLevel,
    base: null,
    formatters: { level: (level: string) => ({ level }) },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
  };
  return pino(options, stream ?? destination({ dest: 2, sync: false }));
}

/** Tells the log of what the engine does by itself. */
export function logObserver(logger: Logger): EngineObserver {
  return {
    workerDied: (event) => logger.error(event, 'worker died'),
    workerSaid: (event) => logger.warn(event, 'worker said'),
    modelChanged: (event) =>
      logger[event.change === 'refused' || event.change === 'unhealthy' ? 'warn' : 'info'](
        event,
        `model ${event.change}`,
      ),
  };
}

/** Passes each event to all of them. */
export function allObservers(...observers: readonly EngineObserver[]): EngineObserver {
  const tell =
    <K extends keyof EngineObserver>(name: K) =>
    (event: Parameters<NonNullable<EngineObserver[K]>>[0]) => {
      for (const observer of observers) (observer[name] as ((event: unknown) => void) | undefined)?.(event);
    };
  return {
    queued: tell('queued'),
    started: tell('started'),
    finished: tell('finished'),
    failed: tell('failed'),
    ran: tell('ran'),
    workerDied: tell('workerDied'),
    workerSaid: tell('workerSaid'),
    modelChanged: tell('modelChanged'),
  };
}
