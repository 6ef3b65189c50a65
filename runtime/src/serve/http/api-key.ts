import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import type { RateLimit } from './context.ts';
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

/** Says whose a key is. @throws HttpError 401, or 429 after many wrong ones from the address. */
export type KeyCheck = (
  given: string | undefined,
  address: string | undefined,
) => Promise<string | undefined>;

/**
 * Checks keys. Without stored ones everybody passes, without a name. Every stored hash is compared, each in constant
 * time, so the time taken tells nothing of the keys.
 * @param stored `NAME:HASH` of each key
 * @param wrongKeys limits wrong keys by address; a right one passes even then, since others may share the address
 */
export function keyCheck(stored: readonly string[], wrongKeys: Pick<RateLimit, 'count'>): KeyCheck {
  const keys: readonly StoredKey[] = stored.map((entry) => {
    const [name = '', hash = ''] = entry.split(':');
    return { name, hash: Buffer.from(hash, 'hex') };
  });
  return async (given, address) => {
    if (keys.length === 0) return undefined;
    if (given === undefined) throw unauthorized('an API key is needed: send Authorization: Bearer KEY');
    const hash = createHash('sha256').update(given).digest();
    let found: StoredKey | undefined;
    for (const key of keys) if (timingSafeEqual(key.hash, hash)) found = key;
    if (found === undefined) {
      await wrongKeys.count({ address });
      throw unauthorized('the API key is not known');
    }
    return found.name;
  };
}

/**
 * Asks for an API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.
 * @param stored `NAME:HASH` of each key
 */
export function requireKey(stored: readonly string[], wrongKeys: Pick<RateLimit, 'count'>): RequestHandler {
  const check = keyCheck(stored, wrongKeys);
  return async (request, response, next) => {
    const given = givenKey(request.get('Authorization'), request.get('X-API-Key'));
    const name = await check(given, request.ip);
    if (name !== undefined) scopeOf(response).key = name;
    next();
  };
}

/** The key that a request has in its headers, if any. */
export function givenKey(authorization: string | undefined, plain: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? plain;
}

function unauthorized(message: string): HttpError {
  return new HttpError(401, message, { 'WWW-Authenticate': 'Bearer realm="generatrix"' });
}
