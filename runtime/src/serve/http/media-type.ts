import type { Request } from 'express';
import { HttpError } from './http-error.ts';

/**
 * Checks what a body says it is. Stock inference clients say nothing, which is taken for what the route expects.
 * @param allowed media types without parameters
 * @throws HttpError 415.
 */
export function checkMediaType(request: Request, allowed: readonly string[]): void {
  const header = request.headers['content-type'];
  if (header === undefined || header.trim() === '') return;
  const [type = '', ...parameters] = header.split(';').map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice(8);
  if (charset !== undefined && !/^"?utf-?8"?$/.test(charset)) {
    throw new HttpError(415, `charset ${charset.slice(0, 40)} is not supported: send UTF-8`);
  }
  if (allowed.includes(type)) return;
  throw new HttpError(
    415,
    `Content-Type '${type.slice(0, 60)}' is not supported here: send ${allowed.join(' or ')}`,
  );
}
