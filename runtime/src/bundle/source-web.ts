import { messageOf, UserError } from '../errors.ts';
import type { BundleSource, ReadOptions } from './bundle.ts';

/**
 * A bundle on a web server: the address of its folder, with or without a final slash.
 * Progress counts bytes after decompression.
 * @param relativeTo what a relative address is relative to
 * @throws UserError when this is no address.
 */
export function webSource(address: string | URL, relativeTo?: string): BundleSource {
  const base = parseAddress(address, relativeTo);
  base.search = '';
  base.hash = '';
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return {
    describe: () => base.href,
    read: async (path, options = {}) => {
      const url = new URL(path.split('/').map(encodeURIComponent).join('/'), base);
      const response = await fetch(url, { signal: options.signal }).catch((error: unknown) => {
        options.signal?.throwIfAborted();
        throw new UserError(`bundle ${base.href}: ${path} cannot be fetched: ${messageOf(error)}`);
      });
      if (!response.ok) {
        await response.body?.cancel();
        throw new UserError(
          `bundle ${base.href}: ${path} cannot be fetched: the server answered ${response.status}`,
        );
      }
      try {
        return await readBody(response, path, options);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (error instanceof UserError) throw error;
        throw new UserError(`bundle ${base.href}: ${path}: the download broke off: ${messageOf(error)}`);
      }
    },
  };
}

function parseAddress(address: string | URL, relativeTo: string | undefined): URL {
  try {
    return new URL(address, relativeTo);
  } catch {
    throw new UserError(`bundle '${String(address)}': expected the address of a folder on a web server`);
  }
}

async function readBody(response: Response, path: string, options: ReadOptions): Promise<Uint8Array> {
  const { onProgress, expectedBytes } = options;
  const total = expectedBytes ?? plainLength(response);
  const chunks: Uint8Array[] = [];
  let received = 0;
  const reader = response.body?.getReader();
  if (reader === undefined) return new Uint8Array(await response.arrayBuffer());
  onProgress?.({ received, total });
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    received += part.value.byteLength;
    if (expectedBytes !== undefined && received > expectedBytes) {
      await reader.cancel();
      throw new UserError(`${path} is longer than the ${expectedBytes} bytes that model.json says`);
    }
    onProgress?.({ received, total });
  }
  const bytes = new Uint8Array(received);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/** Content-Length counts compressed bytes when the body is compressed, so it is used only when it is not. */
function plainLength(response: Response): number {
  if (response.headers.has('content-encoding')) return 0;
  return Number(response.headers.get('content-length') ?? 0);
}
