import type { Express, RequestHandler } from 'express';
import { baseApp, withEnding } from './app.ts';
import { bodyReader } from './body.ts';
import type { ServerContext } from './context.ts';
import { HttpError } from './http-error.ts';
import { operationRoutes } from './operation-routes.ts';
import { registerRoutes } from './route.ts';

/**
 * What an operator may do, on a port of the loopback interface that is off unless asked for: `POST /reload`,
 * `GET /status`, `GET /metrics`. Pages in a browser on the same machine are kept out by their Origin and Host.
 */
export function createManagementApp(context: ServerContext): Express {
  const { engine, draining, config } = context;
  const app = baseApp(context);
  app.use(localOnly);
  registerRoutes(
    app,
    [
      {
        method: 'get',
        path: '/status',
        tag: 'Operation',
        summary: 'Models, refused bundles with the reasons, load',
        response: { description: 'Status' },
        handle: (_request, response) => {
          response.json({
            ready: engine.ready() && !draining(),
            draining: draining(),
            uptime_seconds: Math.round(process.uptime()),
            pending: engine.pending(),
            models: engine.models().map(({ name, version, state, loadedAt, folder }) => ({
              name,
              version,
              state,
              loaded_at: loadedAt.toISOString(),
              folder,
            })),
            refused: engine.refused(),
            config: { ...config, apiKeys: config.apiKeys.map((key) => key.split(':')[0]) },
          });
        },
      },
      {
        method: 'post',
        path: '/reload',
        tag: 'Operation',
        summary: 'Look at the folder of models again now',
        response: { description: 'What is served and what is refused' },
        handle: async (_request, response) => {
          const refused = await engine.reload();
          response.json({ models: engine.models().map(({ name, version }) => ({ name, version })), refused });
        },
      },
      ...operationRoutes(context),
    ],
    {
      guarded: [],
      scraped: [],
      work: [],
      started: [],
      body: () => bodyReader({ ...config, maxBodyBytes: 1024 }, context),
    },
  );
  return withEnding(app, context);
}

const localHosts = new Set(['127.0.0.1', 'localhost', '[::1]']);

const localOnly: RequestHandler = (request, _response, next) => {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (request.headers.origin === undefined && localHosts.has(host)) return next();
  throw new HttpError(403, 'management answers local tools only, by 127.0.0.1 or localhost');
};
