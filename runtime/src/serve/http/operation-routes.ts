import { z } from 'zod';
import type { ServerContext } from './context.ts';
import type { Route } from './route.ts';

/** What operators' tools read. */
export function operationRoutes({ metrics }: ServerContext): Route[] {
  return [
    {
      method: 'get',
      path: '/metrics',
      face: 'Operation',
      summary: 'Metrics in the text format of Prometheus',
      response: { description: 'Metrics', content: { 'text/plain': z.string() } },
      handle: async (_request, response) => {
        response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
      },
    },
  ];
}
