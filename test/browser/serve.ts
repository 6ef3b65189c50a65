import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';

/** Answers a request itself; false leaves it to the files. */
export type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => boolean;

export interface ServeOptions {
  /** Sends COOP and COEP, so that the page is cross-origin isolated and may use threads. */
  readonly isolated?: boolean;
  /** Further folders by URL prefix, such as `{ '/models/': 'some/folder' }`. */
  readonly mounts?: Readonly<Record<string, string>>;
  readonly handler?: Handler;
}

export interface StaticServer {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  /** Paths of all requests answered so far, with their status. */
  readonly requests: readonly { readonly path: string; readonly status: number }[];
  close(): Promise<void>;
}

const mimeTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.onnx': 'application/octet-stream',
};

const baseHeaders = {
  // The strictest policy that onnxruntime's WASM can live with: what the README promises to page authors.
  'Content-Security-Policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-cache',
};
const isolationHeaders = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Serves a folder on a free port of the loopback interface. */
export async function serveFolder(folder: string, options: ServeOptions = {}): Promise<StaticServer> {
  const requests: { path: string; status: number }[] = [];
  const headers = { ...baseHeaders, ...(options.isolated ? isolationHeaders : {}) };
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    response.on('finish', () => requests.push({ path, status: response.statusCode }));
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (options.handler?.(request, response, path)) return;
    if (path === '/favicon.ico') {
      response.writeHead(204).end();
      return;
    }
    void sendFile(response, resolveFile(folder, options.mounts ?? {}, path));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    requests,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

/** The file a path names, or nothing when it points outside the folder. */
function resolveFile(
  folder: string,
  mounts: Readonly<Record<string, string>>,
  path: string,
): string | undefined {
  const decoded = decodeURIComponent(path.endsWith('/') ? `${path}index.html` : path);
  const prefix = Object.keys(mounts).find((candidate) => decoded.startsWith(candidate));
  const root = normalize(prefix === undefined ? folder : mounts[prefix]!);
  const file = join(root, prefix === undefined ? decoded : decoded.slice(prefix.length));
  return file.startsWith(root.endsWith(sep) ? root : root + sep) ? file : undefined;
}

async function sendFile(response: ServerResponse, file: string | undefined): Promise<void> {
  const stats: Stats | undefined = file === undefined ? undefined : await stat(file).catch(() => undefined);
  if (file === undefined || !stats?.isFile()) {
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('not found\n');
    return;
  }
  const type = mimeTypes[extname(file)] ?? 'application/octet-stream';
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': stats.size });
  createReadStream(file)
    .on('error', () => response.destroy())
    .pipe(response);
}
