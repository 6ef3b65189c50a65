import { ipKeyGenerator, MemoryStore, rateLimit } from 'express-rate-limit';
import type { Asker, RateLimit } from './context.ts';
import { HttpError } from './http-error.ts';
import { scopeOf } from './request-scope.ts';

const windowMs = 60_000;

/**
 * At most so many requests a minute of one API key, or of one address where no key is asked for; more get 429 and
 * Retry-After. The count is this process's own: behind a balancer each replica has one.
 * @param perMinute 0 for no limit
 * @param what is counted, for the refusal
 */
export function limitRate(perMinute: number, what = 'requests'): RateLimit {
  if (perMinute === 0) {
    return { handler: (_request, _response, next) => next(), count: () => Promise.resolve() };
  }
  const store = new MemoryStore();
  const handler = rateLimit({
    windowMs,
    limit: perMinute,
    store,
    standardHeaders: 'draft-7',
    legacyHeaders: false,
    keyGenerator: (request, response) => nameOf({ key: scopeOf(response).key, address: request.ip }),
    handler: (_request, _response, next) => {
      // The library has set Retry-After.
      next(tooMany(perMinute, what));
    },
    // What a client with a forged X-Forwarded-For may do is decided by `trustProxy`, not by a warning.
    validate: false,
  });
  return {
    handler,
    count: async (asker) => {
      const { totalHits, resetTime } = await store.increment(nameOf(asker));
      if (totalHits <= perMinute) return;
      const ms = (resetTime?.getTime() ?? Date.now() + windowMs) - Date.now();
      throw tooMany(perMinute, what, { 'Retry-After': String(Math.max(1, Math.ceil(ms / 1000))) });
    },
  };
}

function nameOf({ key, address = '' }: Asker): string {
  return key === undefined ? `address ${ipKeyGenerator(address)}` : `key ${key}`;
}

function tooMany(perMinute: number, what: string, headers: Readonly<Record<string, string>> = {}): HttpError {
  return new HttpError(429, `more than ${perMinute} ${what} in a minute; try again later`, headers);
}
