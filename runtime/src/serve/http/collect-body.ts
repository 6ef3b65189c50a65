import type { Readable } from 'node:stream';

/** Bytes after which memory is taken for the whole body: a client that announces much and sends nothing takes none. */
const reserveAfter = 2 ** 20;

/**
 * Reads a body of known length into one piece of memory as it comes. Putting its parts together at its end would hold up
 * everybody for as long as that takes, tens of milliseconds for 16 MB.
 * @param length bytes; the parser of HTTP lets no more and no less pass
 * @throws when the client leaves before its end.
 */
export async function collectBody(stream: Readable, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let body: Buffer | null = null;
  let filled = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    if (body === null && filled + part.length > reserveAfter) {
      body = Buffer.allocUnsafeSlow(length);
      let at = 0;
      for (const early of parts.splice(0)) at += early.copy(body, at);
    }
    if (body === null) parts.push(part);
    else part.copy(body, filled);
    filled += part.length;
  }
  return body ?? Buffer.concat(parts, filled);
}
