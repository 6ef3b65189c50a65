import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server, type ServerOptions, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext } from 'node:tls';
import { messageOf, UserError } from '../../errors.ts';
import type { ServeConfig } from './config-schema.ts';
import type { ServerContext } from './context.ts';
import { listenOnSocket } from './unix-socket.ts';

/** Bytes that the headers of a request may have. */
const maxHeaderSize = 16_384;

export interface Listener {
  readonly server: Server;
  /** Closes the connections on which no request has begun. */
  closeSilent(): void;
}

/** Something that listens beside HTTP and ends with it. */
export interface Closing {
  /** Takes no more, and ends when what is open has ended. */
  close(): Promise<void>;
  /** Cuts what is open. */
  cut(): void;
}

/** Where a server listens: an address, or a Unix domain socket with its permission bits. */
export type Place =
  | { readonly host: string; readonly port: number; readonly secure: boolean }
  | { readonly socket: string; readonly mode: number };

/**
 * A listening server that cuts off what is slow or malformed.
 * @param onRefused called with the status of each request that the parser refused
 * @throws UserError when a certificate cannot be read or the place is not free.
 */
export async function listen(
  app: RequestListener,
  { config, limits }: Pick<ServerContext, 'config' | 'limits'>,
  place: Place,
  onRefused: (status: number) => void,
): Promise<Listener> {
  const { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs } = config;
  const options: ServerOptions = {
    maxHeaderSize,
    // Node requires the headers' time limit to be within the request's.
    headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.max(50, Math.min(1000, headersTimeoutMs / 4)),
    // Checked where an answer of our own form can be given.
    requireHostHeader: false,
  };
  const server =
    'host' in place && place.secure
      ? createTlsServer({ ...options, ...(await certificate(config)) }, app)
      : createServer(options, app);
  server.maxConnections = config.maxConnections;
  // Of a socket on which nothing moves: a client that does not read its answer.
  server.timeout = requestTimeoutMs + limits.most('timeoutMs');
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => onRefused(refuse(error, socket)));
  server.on('checkExpectation', (_request, response) => {
    const body = '{"error":"only Expect: 100-continue is supported"}';
    const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
    response.writeHead(417, headers).end(body);
  });
  // The reader of the body says so, when nothing is against the request: 413 and 401 come before.
  server.on('checkContinue', app);
  const closeSilent = watchSilentConnections(server);
  if ('socket' in place) await listenOnSocket(server, place.socket, place.mode);
  else {
    const { host, port } = place;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
      server.listen(port, host, resolve);
    });
  }
  return { server, closeSilent };
}

/** The address to show to people; of a socket, `unix:` and its path. */
export function addressOf({ server }: Listener, secure: boolean): string {
  const at = server.address();
  if (typeof at === 'string') return `unix:${at}`;
  const { address, port, family } = at as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return `${secure ? 'https' : 'http'}://${host}:${port}`;
}

/** The certificate and key of the settings. @throws UserError when one cannot be read, or is none. */
export async function certificate({ tlsCert = '', tlsKey = '' }: ServeConfig) {
  const read = (flag: string, path: string) =>
    readFile(path).catch((error: unknown) => {
      throw new UserError(`${flag} ${path}: cannot be read: ${messageOf(error)}`);
    });
  const cert = await read('--tls-cert', tlsCert);
  const key = await read('--tls-key', tlsKey);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new UserError(
      `--tls-cert ${tlsCert}, --tls-key ${tlsKey}: expected a certificate chain and its private key, both PEM without a passphrase (OpenSSL says: ${messageOf(error)})`,
    );
  }
  return { cert, key, minVersion: 'TLSv1.2' } as const;
}

/**
 * Why a port cannot be listened on.
 * @param flag what the port was given by
 */
export function listenError(
  { code, message }: NodeJS.ErrnoException,
  host: string,
  port: number,
  flag = '--port',
): UserError {
  if (code === 'EADDRINUSE') return new UserError(`${flag}: ${host}:${port} is taken: give another port`);
  if (code === 'EACCES')
    return new UserError(`${flag}: ${host}:${port} needs more rights: give a port from 1024`);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new UserError(`--host: ${host} is no address of this machine`);
  }
  return new UserError(`--host ${host} ${flag} ${port}: ${message}`);
}

/** Answers what the parser refused, in the form of all errors, and ends the connection. */
function refuse({ code }: NodeJS.ErrnoException, socket: Duplex): number {
  const [status, error] =
    code === 'HPE_HEADER_OVERFLOW'
      ? [431, `the headers are larger than ${maxHeaderSize} bytes`]
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'the request took too long to arrive']
        : [400, 'the request is not HTTP'];
  // Where an answer is under way already, another would be read as a part of it.
  const busy = (socket as { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent;
  if (code === 'ECONNRESET' || !socket.writable || busy) {
    socket.destroy();
    return status as number;
  }
  const body = JSON.stringify({ error });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status as number]}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
  // A peer that does not hang up is hung up on; at once would cut the answer short.
  setTimeout(() => socket.destroy(), 500).unref();
  return status as number;
}

/** Of a Unix domain socket, which has no addresses and no TLS, the connection itself. */
const peerOf = (socket: Socket): unknown => {
  const { remoteAddress, remotePort } = socket;
  return remotePort === undefined ? socket : `${remoteAddress} ${remotePort}`;
};

/**
 * Watches a server for connections on which no request has begun. Browsers and HTTP clients open such in advance; Node
 * does not count them as idle, and a server that closes would wait for each until its headers are overdue. With TLS a
 * connection is that of TCP and a request's socket is not, so connections are identified by the peer's address.
 * @returns a function that closes them
 */
function watchSilentConnections(server: Server): () => void {
  const silent = new Map<unknown, Socket>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    silent.set(peer, socket);
    socket.once('close', () => {
      if (silent.get(peer) === socket) silent.delete(peer);
    });
  });
  const began = ({ socket }: { socket: Socket }) => silent.delete(peerOf(socket));
  server.on('request', began);
  server.on('checkExpectation', began);
  server.on('checkContinue', began);
  return () => {
    for (const socket of silent.values()) socket.destroy();
  };
}
