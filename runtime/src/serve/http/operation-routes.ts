import { z } from 'zod';
import type { ServerContext } from './context.ts';
import { docsPage, docsStyle } from './docs-page.ts';
import { openApi } from './openapi.ts';
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
export function docsRoutes(routes: readonly Route[], version: string, keyed: boolean): Route[] {
  const document = openApi(routes, version, keyed);
  const page = docsPage(document);
  const open = { method: 'get', tag: 'Operation', open: true } as const;
  return [
    {
      ...open,
      path: '/openapi.json',
      summary: 'This document',
      response: { description: 'OpenAPI 3.1' },
      handle: (_request, response) => {
        response.json(document);
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
