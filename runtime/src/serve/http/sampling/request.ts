import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { ServedModel } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import { bodyBytes, checkMediaType, parseJson, validate } from '../json-body.ts';
import { findModel } from '../request-scope.ts';
import { parameter } from '../route.ts';
import { type Presentation, querySchema } from './schemas.ts';

export interface SamplingRequest<T extends z.ZodType> {
  readonly model: ServedModel;
  readonly body: z.output<T>;
  readonly presentation: Presentation;
}

/**
 * Reads a request of the sampling API: the model it names, its query, its body. No body is an empty object.
 * @throws HttpError of status 400, 404 or 415.
 */
export function readRequest<T extends z.ZodType>(
  context: ServerContext,
  request: Request,
  response: Response,
  schema: T,
): SamplingRequest<T> {
  const query = validate(querySchema, request.query, 'query');
  const model = findModel(context, response, parameter(request, 'model'), query.version);
  checkMediaType(request, ['application/json']);
  const bytes = bodyBytes(request);
  const value = bytes.length === 0 ? {} : parseJson(bytes, context.config);
  const body = validate(schema, value);
  const { version: _, ...shown } = query;
  const { format, layout, columns, scale } = body as Presentation;
  return { model, body, presentation: { format, layout, columns, scale, ...shown } };
}
