import type { RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { HttpError } from './http-error.ts';
import { scopeOf } from './request-scope.ts';

/**
 * At most so many requests a minute of one API key, or of one address where no key is asked for; more get 429 and
 * Retry-After. The count is this process's own: behind a balancer each replica has one.
 * @param perMinute 0 for no limit
 */
export function limitRate(perMinute: number): RequestHandler {
  if (perMinute === 0) return (_request, _response, next) => next();
  return rateLimit({
    windowMs: 60_000,
    limit: perMinute,
    standardHeaders: 'draft-7',
    legacyHeaders: false,
    keyGenerator: (request, response) => {
      const { key } = scopeOf(response);
      return key === undefined ? `address ${ipKeyGenerator(request.ip ?? '')}` : `key ${key}`;
    },
    handler: (_request, _response, next) => {
      // The library has set Retry-After.
      next(new HttpError(429, `more than ${perMinute} requests in a minute; try again later`));
    },
    // What a client with a forged X-Forwarded-For may do is decided by `trustProxy`, not by a warning.
    validate: false,
  });
}
