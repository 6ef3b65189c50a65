import type { Request } from 'express';
import type { z } from 'zod';
import { HttpError } from './http-error.ts';

/** Limits on the JSON that requests carry. */
export interface JsonLimits {
  /** Arrays and objects within one another. */
  readonly maxJsonDepth: number;
}

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

/**
 * Reads JSON from bytes.
 * @throws HttpError 400 when they are no UTF-8, no JSON, or nested too deeply.
 */
export function parseJson(bytes: Uint8Array, { maxJsonDepth }: JsonLimits): unknown {
  checkDepth(bytes, maxJsonDepth);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new HttpError(400, 'the body is not UTF-8');
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // The message quotes what it found, which may be long and of many lines.
    const place = /at position \d+/.exec((error as Error).message)?.[0] ?? 'at its end';
    throw new HttpError(400, `the body is not JSON: unexpected text ${place}`);
  }
}

const [quote, backslash] = [0x22, 0x5c];

/** Looks at the bytes alone, so that nothing is built from what is refused. */
function checkDepth(bytes: Uint8Array, limit: number): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (inString) {
      if (byte === backslash) i++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    // '[' and '{', ']' and '}' differ in one bit.
    else if ((byte & 0xdf) === 0x5b && ++depth > limit) {
      throw new HttpError(400, `the body is nested more than ${limit} levels deep`);
    } else if ((byte & 0xdf) === 0x5d) depth--;
  }
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

function member(value: unknown, key: PropertyKey): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<PropertyKey, unknown>)[key];
}

/** A value as an error message shows it: short, on one line. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 300);
}
