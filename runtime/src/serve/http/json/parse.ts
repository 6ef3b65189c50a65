import { HttpError } from '../http-error.ts';
import { type JsonLimits, scanJson } from './scan.ts';

/**
 * Reads JSON from bytes.
 * @throws HttpError 400 when they are no UTF-8, no JSON, or beyond the limits.
 */
export function parseJson(bytes: Uint8Array, limits: JsonLimits): unknown {
  scanJson(bytes, limits);
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
