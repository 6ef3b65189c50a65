import { z } from 'zod';
import type { InferenceEngine } from '../engine/engine.ts';
import type { ServerContext } from './context.ts';
import { docsPage, docsStyle } from './docs-page.ts';
import { protocolNames } from './oip/names.ts';
import { type OpenApiDocument, openApi, type PathNames } from './openapi.ts';
import type { Route } from './route.ts';
import { showConfig, shownConfigSchema } from './show-config.ts';
import { shownStatisticsSchema, showStatistics } from './show-statistics.ts';

/** What operators' tools read. */
export function operationRoutes(context: ServerContext): Route[] {
  const { metrics } = context;
  const read = (path: string, summary: string, schema: z.ZodType, answer: () => object): Route => ({
    method: 'get',
    path,
    scraped: true,
    tag: 'Operation',
    summary,
    response: { description: summary, content: { 'application/json': schema } },
    handle: (_request, response) => {
      response.json(answer());
    },
  });
  return [
    read(
      '/stats',
      'What requests to each model came to since the server started',
      shownStatisticsSchema,
      () => showStatistics(context),
    ),
    read('/config', 'The settings in force, without keys and paths', shownConfigSchema, () =>
      showConfig(context),
    ),
    {
      method: 'get',
      path: '/metrics',
      scraped: true,
      tag: 'Operation',
      summary: 'Metrics in the text format of Prometheus',
      response: { description: 'Metrics', content: { 'text/plain': z.string() } },
      handle: async (_request, response) => {
        response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
      },
    },
  ];
}

/** The documentation of the other routes, as a document and as a page. */
export function docsRoutes({ config, engine, version }: ServerContext, routes: readonly Route[]): Route[] {
  const keyed = config.apiKeys.length > 0;
  const page = docsPage(openApi(routes, version, keyed));
  let last: { readonly key: string; readonly document: OpenApiDocument } | undefined;
  /** With the names of what is served, unless those are for who has a key. */
  const document = () => {
    const names = keyed ? undefined : namesOf(engine);
    const key = JSON.stringify(names ?? null);
    if (last?.key !== key) last = { key, document: openApi(routes, version, keyed, names) };
    return last.document;
  };
  const open = { method: 'get', tag: 'Operation', open: true } as const;
  return [
    {
      ...open,
      path: '/openapi.json',
      summary: 'This document',
      response: { description: 'OpenAPI 3.1' },
      handle: (_request, response) => {
        response.json(document());
      },
    },
    {
      ...open,
      path: '/docs',
      summary: 'This document as a page',
      response: { description: 'HTML' },
      handle: (_request, response) => {
        response.type('html').send(page);
      },
    },
    {
      ...open,
      path: '/docs/style.css',
      summary: 'The style of that page',
      response: { description: 'CSS' },
      handle: (_request, response) => {
        response.type('css').send(docsStyle);
      },
    },
  ];
}

function namesOf(engine: InferenceEngine): PathNames {
  const served = engine.models();
  return {
    models: [...new Set(served.map(({ name }) => name))],
    programs: [...new Set(served.flatMap(protocolNames))],
    versions: [...new Set(served.map(({ version }) => version))],
  };
}
