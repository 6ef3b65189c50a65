import { connect } from 'node:net';
import { loadConfig } from '../serve/http/config.ts';
import type { ServeConfig } from '../serve/http/config-schema.ts';
import { type RunningServer, type StartOptions, startServer } from '../serve/http/server.ts';
import { createTestEngine, removeTestEngine, type TestEngine } from './stub-engine.ts';

export interface TestServer extends Omit<RunningServer, 'engine'> {
  readonly engine: TestEngine;
  /** Lines of the log, parsed. */
  readonly log: Record<string, unknown>[];
  /** A request by path. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** POST of JSON. */
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** Ends it and frees everything. */
  end(): Promise<void>;
}

/** A server over the test engine, on a free port. */
export async function startTestServer(
  settings: Partial<ServeConfig> = {},
  options: Pick<StartOptions, 'site' | 'environment'> = {},
): Promise<TestServer> {
  const engine = await createTestEngine();
  const log: Record<string, unknown>[] = [];
  const defaults = await loadConfig({ flags: { models: engine.folder, port: '0' } });
  const config = { ...defaults, shutdownGraceMs: 0, ...settings };
  const server = await startServer(config, {
    ...options,
    makeEngine: async () => engine,
    logStream: { write: (line) => void log.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const request = (path: string, init?: RequestInit) => fetch(server.url + path, init);
  return {
    ...server,
    engine,
    log,
    fetch: request,
    post: (path, body, headers = {}) =>
      request(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
    end: async () => {
      await server.kill();
      await removeTestEngine(engine);
    },
  };
}

/** Sends bytes as they are and returns all that comes back until the server closes. */
export function sendRaw(url: string, text: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.setEncoding('latin1').on('data', (part: string) => {
      answer += part;
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
  });
}
