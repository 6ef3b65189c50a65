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
    const timer = setTimeout(() => {
      if (String(response.getHeader('Content-Type')).startsWith('text/event-stream')) return;
      const scope = scopeOf(response);
      const late = new ServeError('timeout', `the answer is not sent within ${config.timeoutMs} ms`);
      if (!response.headersSent) return next(late);
      scope.cut = true;
      metrics.failed(scope.labels, 'timeout');
      logger.warn({ requestId: scope.id }, late.message);
      response.destroy();
    }, config.timeoutMs + afterEngineMs);
    response.once('close', () => clearTimeout(timer));
    next();
  };
}
