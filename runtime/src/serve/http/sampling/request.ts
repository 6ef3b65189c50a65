import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { ServedModel } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { bodyBytes, checkMediaType, readJson, validate } from '../json-body.ts';
import { findModel } from '../request-scope.ts';
import { parameter } from '../route.ts';
import { type Presentation, querySchema, type SamplingSchemas } from './schemas.ts';

export interface SamplingRequest<T extends z.ZodType> {
  readonly model: ServedModel;
  readonly body: z.output<T>;
  readonly presentation: Presentation;
}

/**
 * Reads a request of the sampling API: the model it names, its query, its body. No body is an empty object.
 * @throws HttpError of status 400, 404 or 415.
 */
export async function readRequest<T extends z.ZodType>(
  context: ServerContext,
  request: Request,
  response: Response,
  schema: T,
): Promise<SamplingRequest<T>> {
  const query = validate(querySchema, request.query, 'query');
  const model = findModel(context, response, parameter(request, 'model'), query.version);
  checkMediaType(request, ['application/json']);
  const bytes = bodyBytes(request);
  const value = bytes.length === 0 ? {} : await readJson(context, request, response);
  const body = validate(schema, value);
  const { version: _, ...shown } = query;
  const { format, layout, columns, scale } = body as Presentation;
  return { model, body, presentation: { format, layout, columns, scale, ...shown } };
}

/**
 * Reads a request for samples: as `readRequest`, or, of a GET, from its query alone.
 * @throws HttpError of status 400, 404 or 415.
 */
export async function readSampleRequest(
  context: ServerContext,
  request: Request,
  response: Response,
  schema: SamplingSchemas['samples'],
): Promise<SamplingRequest<SamplingSchemas['samples']>> {
  if (request.method === 'POST') return readRequest(context, request, response, schema);
  const { version, ...fields } = request.query;
  const asked = validate(querySchema.pick({ version: true }), { version }, 'query');
  const model = findModel(context, response, parameter(request, 'model'), asked.version);
  if (fields.given !== undefined) throw new HttpError(400, 'query.given: examples come in a body: POST them');
  const body = validate(
    schema,
    Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, fieldOf(name, text)])),
    'query',
  );
  const { format, layout, columns, scale } = body;
  return { model, body, presentation: { format, layout, columns, scale } };
}

/** Fields that are no numbers: a seed has more digits than a number. */
const texts = new Set(['seed', 'format', 'layout', 'labels', 'draw']);

/** A field of a query as a body would have it; the schema refuses what does not fit. */
function fieldOf(name: string, text: unknown): unknown {
  if (Array.isArray(text)) return text.map((one) => fieldOf(name, one));
  if (name === 'stream') return { true: true, false: false }[String(text)] ?? text;
  if (texts.has(name) || typeof text !== 'string') return text;
  return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}
