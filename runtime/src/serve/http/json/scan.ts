import { HttpError } from '../http-error.ts';

/** Limits on the JSON that a request carries. */
export interface JsonLimits {
  /** Arrays and objects within one another. */
  readonly maxJsonDepth: number;
  /** Values in all lists and objects together. */
  readonly maxValues: number;
}

/** Members of all objects of a body: far more than any request has that means something. */
const maxKeys = 4096;

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];

/**
 * Looks at the bytes alone, so that nothing is built from what is refused, and stops where a limit is passed.
 * @throws HttpError 400.
 */
export function scanJson(bytes: Uint8Array, { maxJsonDepth, maxValues }: JsonLimits): void {
  let [depth, objects, keys, values] = [0, 0, 0, 1];
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (inString) {
      if (byte === backslash) i++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === comma) {
      if (++values > maxValues) {
        throw new HttpError(400, `the body has more than ${maxValues} values, which no request here needs`);
      }
    } else if (byte === colon) {
      if (++keys > maxKeys) throw new HttpError(400, `the body's objects have more than ${maxKeys} members`);
    }
    // '[' and '{', ']' and '}' differ in one bit.
    else if ((byte & 0xdf) === 0x5b) {
      if (++depth > maxJsonDepth) {
        throw new HttpError(400, `the body is nested more than ${maxJsonDepth} levels deep`);
      }
      if (byte === 0x7b && ++objects > maxKeys) {
        throw new HttpError(400, `the body has more than ${maxKeys} objects`);
      }
    } else if ((byte & 0xdf) === 0x5d) depth--;
  }
}
