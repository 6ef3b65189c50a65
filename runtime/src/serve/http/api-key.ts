import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
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

/** Says whose a key is. @throws HttpError 401. */
export type KeyCheck = (given: string | undefined) => string | undefined;

/**
 * Checks keys. Without stored ones everybody passes, without a name. Every stored hash is compared, each in constant
 * time, so the time taken tells nothing of the keys.
 * @param stored `NAME:HASH` of each key
 */
export function keyCheck(stored: readonly string[]): KeyCheck {
  const keys: readonly StoredKey[] = stored.map((entry) => {
    const [name = '', hash = ''] = entry.split(':');
    return { name, hash: Buffer.from(hash, 'hex') };
  });
  return (given) => {
    if (keys.length === 0) return undefined;
    if (given === undefined) throw unauthorized('an API key is needed: send Authorization: Bearer KEY');
    const hash = createHash('sha256').update(given).digest();
    let found: StoredKey | undefined;
    for (const key of keys) if (timingSafeEqual(key.hash, hash)) found = key;
    if (found === undefined) throw unauthorized('the API key is not known');
    return found.name;
  };
}

/**
 * Asks for an API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.
 * @param stored `NAME:HASH` of each key
 */
export function requireKey(stored: readonly string[]): RequestHandler {
  const check = keyCheck(stored);
  return (request, response, next) => {
    const name = check(givenKey(request.get('Authorization'), request.get('X-API-Key')));
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
