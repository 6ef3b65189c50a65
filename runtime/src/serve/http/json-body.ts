import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { ServerContext } from './context.ts';
import { HttpError } from './http-error.ts';
import { isNumberList } from './json/number-list.ts';
import { parseJson } from './json/parse.ts';
import { scopeOf } from './request-scope.ts';

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

/** The bytes of a request's body, decompressed; empty when it has none. */
export function bodyBytes(request: Request): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array();
}

/** A body of up to so many bytes is parsed at once; a longer one by another thread. */
const bytesAtOnce = 65_536;
/** Lists of up to so many numbers stay lists, and as many as there may be rows: classes are checked as such. */
const listsKept = 4096;

/** SHA-256 of a request's body. */
export function bodyDigest(request: Request, response: Response): Uint8Array {
  return scopeOf(response).bodyDigest ?? createHash('sha256').update(bodyBytes(request)).digest();
}

/**
 * Reads JSON from a request's body. Long lists of numbers in a large one come as `NumberList`.
 * @param length of it, where bytes of another kind follow
 * @throws HttpError 400 when they are no UTF-8, no JSON, or more than a request here can need.
 */
export async function readJson(
  { limits: table, text }: ServerContext,
  request: Request,
  response: Response,
  length = bodyBytes(request).length,
): Promise<unknown> {
  const scope = scopeOf(response);
  if (length <= bytesAtOnce) return parseJson(bodyBytes(request).subarray(0, length), scope.json);
  const keep = Math.max(listsKept, table.most('maxCount'));
  const { value, bytes, digest } = await text.parse(bodyBytes(request), { ...scope.json, length, keep });
  request.body = bytes;
  scope.bodyDigest = digest;
  return value;
}

/**
 * Checks a value against a schema.
 * @throws HttpError 400 that names the field, what was expected and what came.
 */
export function validate<T extends z.ZodType>(schema: T, value: unknown, where = ''): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const place = [where, issue.path.map(String).join('.')].filter((part) => part !== '').join('.');
  const found = issue.path.reduce<unknown>(member, value);
  const shown = issue.code === 'unrecognized_keys' ? '' : `, got ${show(found)}`;
  throw new HttpError(400, oneLine(`${place || 'the body'}: ${expectation(issue)}${shown}`));
}

function expectation(issue: z.core.$ZodIssue): string {
  const { message } = issue;
  const expected = message.slice(message.indexOf('expected') === -1 ? 0 : message.indexOf('expected'));
  return expected
    .replace(/, received .*$/, '')
    .replace('nonoptional', 'a value')
    .replace(/^Invalid input$/, 'expected another kind of value');
}

/** A member of a value; undefined where it has none of that name. */
export function member(value: unknown, key: PropertyKey): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<PropertyKey, unknown>)[key];
}

/** A value as an error message shows it: short, on one line. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (isNumberList(value)) return `a list of ${value.lengths[0]}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 300);
}
