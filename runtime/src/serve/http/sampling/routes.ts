import type { Request, Response } from 'express';
import { z } from 'zod';
import type { ServerContext } from '../context.ts';
import { validate } from '../json-body.ts';
import { perCount } from '../per-count.ts';
import { findModel } from '../request-scope.ts';
import { parameter, type Route } from '../route.ts';
import { describe, modelSchema, modelSummarySchema, summarise } from './describe-model.ts';
import { answerComplete, answerDecode, answerSamples } from './draw.ts';
import { answerInterpolate } from './interpolate.ts';
import { answerSchemas, querySchema, type SamplingSchemas, samplingSchemas } from './schemas.ts';
import { answerEncode, answerLogProb } from './score.ts';

const tag = 'Sampling';
const samplesResponse = {
  description: 'Samples; the header Generatrix-Seed has the seed of their noise',
  content: {
    'text/event-stream': null,
    'application/json': answerSchemas.samples,
    'image/png': null,
    'application/x-npy': null,
    'audio/wav': null,
  },
};

type Action = (
  context: ServerContext,
  schemas: SamplingSchemas,
  request: Request,
  response: Response,
) => Promise<void>;

/** The routes of the sampling API: `/v1/models`. */
export function samplingRoutes(context: ServerContext): Route[] {
  const { limits } = context;
  const schemasFor = perCount(samplingSchemas);
  /** What the document says: the most that any model takes. */
  const schemas = schemasFor(limits.most('maxCount'));
  const schemasOf = (request: Request) => schemasFor(limits.of(parameter(request, 'model')).maxCount);
  const work = (
    name: keyof SamplingSchemas,
    summary: string,
    action: Action,
    response: Route['response'],
  ): Route => ({
    method: 'post',
    path: `/v1/models/{model}/${name}`,
    tag,
    summary,
    query: querySchema,
    body: { 'application/json': schemas[name] },
    response,
    work: true,
    modelOf: (request, answer) => {
      const { version } = request.query;
      return findModel(
        context,
        answer,
        parameter(request, 'model'),
        typeof version === 'string' ? version : undefined,
      );
    },
    handle: (request, answer) => action(context, schemasOf(request), request, answer),
  });
  const json = (description: string, schema: z.ZodType) => ({
    description,
    content: { 'application/json': schema },
  });
  return [
    ...modelRoutes(context),
    {
      method: 'get',
      path: '/v1/models/{model}/samples',
      tag,
      summary: 'Draw samples; with a seed, browsers and CDNs can keep them',
      query: querySchema.extend(schemas.samples.omit({ given: true }).shape),
      response: samplesResponse,
      work: true,
      handle: (request, answer) => answerSamples(context, schemasOf(request), request, answer),
    },
    work('samples', 'Draw samples', answerSamples, samplesResponse),
    work('complete', 'Complete examples that are given in part', answerComplete, samplesResponse),
    work('interpolate', 'Samples between two seeds or two codes', answerInterpolate, samplesResponse),
    work('decode', 'Examples from codes', answerDecode, samplesResponse),
    work('encode', 'Codes of examples', answerEncode, json('Codes', answerSchemas.encode)),
    work('logprob', 'Log-densities of examples', answerLogProb, json('Nats', answerSchemas.logprob)),
  ];
}

function modelRoutes(context: ServerContext): Route[] {
  const { engine } = context;
  const versionsOf = (name: string) =>
    engine.models().flatMap((model) => (model.name === name ? [model.version] : []));
  return [
    {
      method: 'get',
      path: '/v1/models',
      tag,
      summary: 'Models that are served, and what each can do',
      response: {
        description: 'The default version of each model',
        content: { 'application/json': z.object({ models: z.array(modelSummarySchema) }) },
      },
      handle: (_request, response) => {
        const names = [...new Set(engine.models().map(({ name }) => name))];
        response.json({ models: names.map((name) => summarise(engine.model(name), versionsOf(name))) });
      },
    },
    {
      method: 'get',
      path: '/v1/models/{model}',
      tag,
      summary: 'One model: programs, classes, scalars with their ranges, provenance, parity',
      query: querySchema.pick({ version: true }),
      response: { description: 'The model', content: { 'application/json': modelSchema } },
      handle: (request, response) => {
        const { version } = validate(querySchema.pick({ version: true }), request.query, 'query');
        const model = findModel(context, response, parameter(request, 'model'), version);
        response.json(describe(model, versionsOf(model.name)));
      },
    },
  ];
}
