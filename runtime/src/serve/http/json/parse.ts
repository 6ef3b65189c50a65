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
    // Some writers, Python's among them, write what is not finite so.
    const literal = strayLiteral(text);
    if (literal !== undefined) {
      throw new HttpError(400, `the body is not JSON, which has no ${literal}: send finite numbers`);
    }
    // The message quotes what it found, which may be long and of many lines.
    const { message } = error as Error;
    const place = /at position \d+/.exec(message)?.[0] ?? /^Unexpected token ('.')/u.exec(message)?.[1];
    throw new HttpError(400, `the body is not JSON: unexpected text ${place ?? 'at its end'}`);
  }
}

/** A word for a number that is not finite, outside of strings. One pass: what is no JSON may be made to be searched for long. */
function strayLiteral(text: string): string | undefined {
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    if (inString && letter === '\\') i++;
    else if (letter === '"') inString = !inString;
    else if (!inString && (letter === 'N' || letter === 'I')) {
      return ['NaN', 'Infinity'].find((word) => text.startsWith(word, i));
    }
  }
  return undefined;
}
