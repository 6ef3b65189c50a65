import { afterEach } from 'vitest';
import type { EngineOptions } from '../serve/engine/engine.ts';
import { ServingEngine } from '../serve/engine/serving.ts';
import { loadConfig } from '../serve/http/config.ts';
import type { ServeConfig } from '../serve/http/config-schema.ts';
import { type RunningServer, startServer } from '../serve/http/server.ts';

/** A server over worker processes, with what tests need of its engine. */
export interface EngineServer extends RunningServer {
  readonly engine: ServingEngine;
  /** POST of JSON. */
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
}

const servers: RunningServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.kill();
});

/** Serves a folder on a free port by one worker on the CPU; ended after the test. */
export async function serveEngine(
  folder: string,
  settings: Partial<ServeConfig> = {},
): Promise<EngineServer> {
  const defaults = await loadConfig({ flags: { models: folder, port: '0' } });
  let engine: ServingEngine | undefined;
  const server = await startServer(
    {
      ...defaults,
      ...{ workers: 1, device: 'cpu', watch: false, logLevel: 'silent', shutdownGraceMs: 0 },
      ...settings,
    },
    {
      makeEngine: async (options: EngineOptions) => {
        engine = await ServingEngine.start(options);
        return engine;
      },
    },
  );
  servers.push(server);
  return {
    ...server,
    engine: engine!,
    post: (path, body, headers = {}) =>
      fetch(server.url + path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
  };
}
