import type { RequestHandler } from 'express';
import { ServeError } from '../engine/engine.ts';
import type { ServerContext } from './context.ts';
import { scopeOf } from './request-scope.ts';

/** The engine says it first where the time goes there, and says where. */
const afterEngineMs = 100;

/**
 * Ends a request that is not over within the time for one, its answer written and sent: what is not sent by then is not,
 * and its memory is free. A stream of events has a limit for each of its runs instead.
 */
export function limitTime({ config, metrics, logger }: ServerContext): RequestHandler {
  return (_request, response, next) => {
    const scope = scopeOf(response);
    scope.work = true;
    const began = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const allowed = () => scope.timeoutMs ?? config.timeoutMs;
    const onLate = () => {
      if (String(response.getHeader('Content-Type')).startsWith('text/event-stream')) return;
      const late = new ServeError('timeout', `the answer is not sent within ${allowed()} ms`);
      if (!response.headersSent) return next(late);
      scope.cut = true;
      metrics.failed(scope.labels, 'timeout');
      logger.warn({ requestId: scope.id }, late.message);
      response.destroy();
    };
    const start = () => {
      clearTimeout(timer);
      timer = setTimeout(onLate, Math.max(0, began + allowed() + afterEngineMs - performance.now()));
    };
    start();
    scope.onTimeoutKnown = start;
    response.once('close', () => clearTimeout(timer));
    next();
  };
}
