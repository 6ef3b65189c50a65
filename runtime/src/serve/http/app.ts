import compression from 'compression';
import cors from 'cors';
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from 'express';
import { requireKey } from './api-key.ts';
import { bodyReader } from './body.ts';
import { forbidStoring } from './cache/forbid-storing.ts';
import type { ServerContext } from './context.ts';
import { limitTime } from './deadline.ts';
import { bundleFiles, sitePages } from './gallery.ts';
import { HttpError, toHttpError } from './http-error.ts';
import { oipRoutes, predictRoute } from './oip/routes.ts';
import { jsonLengthHeader } from './oip/wire.ts';
import { docsRoutes, operationRoutes } from './operation-routes.ts';
import { pageHeaders } from './page-headers.ts';
import { limitRate } from './rate-limit.ts';
import { refuseWhenFull, requestScope, scopeOf } from './request-scope.ts';
import { registerRoutes } from './route.ts';
import { samplingRoutes } from './sampling/routes.ts';

/** Headers of ours that pages of other origins may read. */
const exposedHeaders = [
  'Generatrix-Seed',
  'Generatrix-Version',
  'X-Request-Id',
  'Retry-After',
  'ETag',
  'Cache-Status',
  'traceparent',
  jsonLengthHeader,
];

/**
 * Everything between a request and its answer.
 * @param site folder of the built page, if it is served
 */
export function createApp(context: ServerContext, version: string, site?: string): Express {
  const { config } = context;
  const app = baseApp(context);
  app.set('trust proxy', config.trustProxy);
  app.use(pageHeaders(config.tlsCert !== undefined));
  if (config.corsOrigins.length > 0) {
    const origin = config.corsOrigins.includes('*') ? '*' : [...config.corsOrigins];
    app.use(cors({ origin, exposedHeaders, methods: ['GET', 'HEAD', 'POST'], maxAge: 600 }));
  }
  // Numbers pack badly at any level, and the cores have samples to draw.
  const compress = compression({ level: 1, filter: (_request, response) => isCompressible(response) });
  // What it prepares for each answer costs as much as all other headers, and most clients of inference ask for none.
  app.use(((request, response, next) => {
    if (request.method === 'POST' && request.headers['accept-encoding'] === undefined) next();
    else compress(request, response, next);
  }) satisfies RequestHandler);

  const key = requireKey(config.apiKeys, context.wrongKeys);
  const guarded = [key, context.limiter.handler];
  const routes = [
    // Its address begins as a model's does, and goes before it.
    predictRoute(context),
    ...samplingRoutes(context),
    ...oipRoutes(context, version),
    ...operationRoutes(context),
  ];
  registerRoutes(app, [...routes, ...docsRoutes(context, routes)], {
    guarded,
    scraped: [key, limitRate(config.rateLimitPerMinute).handler],
    work: [refuseWhenFull(context)],
    started: [limitTime(context)],
    body: (modelOf) => bodyReader(config, context, modelOf),
  });
  app.use('/models', bundleFiles(context, guarded));
  if (site !== undefined) app.use(sitePages(site));
  return withEnding(app, context);
}

/** An app that knows its requests, and nothing yet of what they ask. */
export function baseApp(context: ServerContext): Express {
  const app = express();
  app.disable('x-powered-by');
  // Hashing every answer costs more than it saves: an answer that can come again has its tag from the request. Files keep tags of their own.
  app.set('etag', () => undefined);
  app.set('query parser', 'simple');
  app.use(requestScope(context));
  app.use(((request, _response, next) => {
    const hosts = request.rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length;
    if (hosts > 1) throw new HttpError(400, 'the request has more than one Host header');
    if (hosts === 0 && request.httpVersion === '1.1') {
      throw new HttpError(400, 'the request has no Host header');
    }
    next();
  }) satisfies RequestHandler);
  return app;
}

/** The last handlers: 404 for what no route answered, and an error response for what was thrown. */
export function withEnding(app: Express, context: ServerContext): Express {
  app.use((request) => {
    throw new HttpError(404, `there is nothing at ${request.path.slice(0, 100)}`);
  });
  const onError: ErrorRequestHandler = (error, _request, response, _next) =>
    sendError(context, response, error);
  app.use(onError);
  return app;
}

function sendError({ metrics }: ServerContext, response: Response, error: unknown): void {
  const scope = scopeOf(response);
  const { status, message, headers, reason } = toHttpError(error);
  metrics.failed(scope.labels, scope.signal.aborted ? 'cancelled' : reason);
  scope.failure = error;
  if (response.headersSent || response.destroyed) {
    // A stream has said so itself, in an event, and ended.
    if (!response.writableEnded) response.destroy();
    return;
  }
  forbidStoring(response);
  response.set(headers).status(status).json({ error: message });
}

/** Pictures, sound and weights are as small as they get; events must not wait for a compressor. */
function isCompressible(response: Response): boolean {
  const type = String(response.getHeader('Content-Type') ?? '');
  if (type.startsWith('application/octet-stream')) return response.hasHeader(jsonLengthHeader);
  return /json|x-npy|text\/(html|css|javascript|plain)|javascript|wasm|svg/.test(type);
}
