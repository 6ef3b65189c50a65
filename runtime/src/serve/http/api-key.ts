import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import { HttpError } from './http-error.ts';
import { scopeOf } from './request-scope.ts';

interface StoredKey {
  readonly name: string;
  readonly hash: Buffer;
}

/** SHA-256 of a key in hex, as the configuration stores it. Keys are long and random, so a slow hash buys nothing. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/**
 * Asks for an API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`. Without stored keys everybody passes.
 * Every stored hash is compared, each in constant time, so the time taken tells nothing of the keys.
 * @param stored `NAME:HASH` of each key
 */
export function requireKey(stored: readonly string[]): RequestHandler {
  const keys: readonly StoredKey[] = stored.map((entry) => {
    const [name = '', hash = ''] = entry.split(':');
    return { name, hash: Buffer.from(hash, 'hex') };
  });
  return (request, response, next) => {
    if (keys.length === 0) return next();
    const given = givenKey(request);
    if (given === undefined) throw unauthorized('an API key is needed: send Authorization: Bearer KEY');
    const hash = createHash('sha256').update(given).digest();
    let found: StoredKey | undefined;
    for (const key of keys) if (timingSafeEqual(key.hash, hash)) found = key;
    if (found === undefined) throw unauthorized('the API key is not known');
    scopeOf(response).key = found.name;
    next();
  };
}

function givenKey(request: Request): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(request.get('Authorization') ?? '')?.[1];
  return bearer ?? request.get('X-API-Key');
}

function unauthorized(message: string): HttpError {
  return new HttpError(401, message, { 'WWW-Authenticate': 'Bearer realm="generatrix"' });
}
