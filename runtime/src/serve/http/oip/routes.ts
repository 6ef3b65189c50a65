import type { Request, Response } from 'express';
import { z } from 'zod';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { bodyBytes, readJson, validate } from '../json-body.ts';
import { perCount } from '../per-count.ts';
import { noteModel, scopeOf } from '../request-scope.ts';
import { parameter, type Route } from '../route.ts';
import { infer } from './infer.ts';
import { extensions, modelMetadata, repositoryIndex } from './metadata.ts';
import { protocolModel } from './names.ts';
import { predict, predictAnswer, predictSchema } from './predict.ts';
import { inferSchema, oipAnswers } from './schemas.ts';
import { modelStatistics, statisticsSchema } from './statistics.ts';

const tag = 'Open Inference Protocol v2';
const json = (description: string, schema: z.ZodType) => ({
  description,
  content: { 'application/json': schema },
});

/** The Open Inference Protocol, version 2, over REST. */
export function oipRoutes(context: ServerContext, serverVersion: string): Route[] {
  return [
    {
      method: 'get',
      path: '/v2',
      tag,
      summary: 'Server metadata',
      response: json('Name, version, extensions', oipAnswers.server),
      handle: (_request, response) => {
        response.json({ name: 'generatrix', version: serverVersion, extensions });
      },
    },
    ...healthRoutes(context),
    {
      method: 'get',
      path: '/v2/models/stats',
      tag,
      summary: 'Statistics of every model since the server started',
      response: json('Counts and nanoseconds', statisticsSchema),
      scraped: true,
      handle: (_request, response) => {
        response.json(modelStatistics(context));
      },
    },
    ...modelRoutes(context, '/v2/models/{model}'),
    ...modelRoutes(context, '/v2/models/{model}/versions/{version}'),
    indexRoute(context),
    ...controlRoutes(context),
  ];
}

/** Answered without a key and without the queue, at any load. */
function healthRoutes({ engine, draining }: ServerContext): Route[] {
  return [
    {
      method: 'get',
      path: '/v2/health/live',
      tag,
      summary: 'Is the server alive?',
      response: json('It is', oipAnswers.live),
      open: true,
      handle: (_request, response) => {
        response.json({ live: true });
      },
    },
    {
      method: 'get',
      path: '/v2/health/ready',
      tag,
      summary: 'Can the server take requests? 503 when not',
      response: json('It can', oipAnswers.ready),
      open: true,
      handle: (_request, response) => {
        const ready = engine.ready() && !draining();
        response
          .status(ready ? 200 : 503)
          .json({ ready, ...(!ready && { error: 'the server is not ready' }) });
      },
    },
  ];
}

function modelRoutes(context: ServerContext, path: string): Route[] {
  const { limits } = context;
  const schemaFor = perCount(inferSchema);
  const find = (request: Request, response: Response) => {
    scopeOf(response).labels = { model: 'unknown', program: 'none' };
    const version = parameter(request, 'version') || undefined;
    const found = protocolModel(context.engine, parameter(request, 'model'), version);
    noteModel(context, scopeOf(response), found.model);
    return found;
  };
  return [
    {
      method: 'get',
      path,
      tag,
      summary:
        'Model metadata; models are the programs of bundles, BUNDLE_PROGRAM, and BUNDLE for its sample',
      response: json('Inputs and outputs', oipAnswers.model),
      handle: (request, response) => {
        response.json(modelMetadata(context.engine, find(request, response)));
      },
    },
    {
      method: 'get',
      path: `${path}/ready`,
      tag,
      summary: 'Can the model take requests? 503 when not',
      response: json('It can', oipAnswers.modelReady),
      handle: (request, response) => {
        const { name, model } = find(request, response);
        const ready = model.state === 'ready' && context.engine.ready() && !context.draining();
        if (!ready) throw new HttpError(503, `model ${name} is not ready`, {}, 'unavailable');
        response.json({ name, ready });
      },
    },
    {
      method: 'get',
      path: `${path}/stats`,
      tag,
      summary: 'Statistics of the model since the server started',
      response: json('Counts and nanoseconds', statisticsSchema),
      scraped: true,
      handle: (request, response) => {
        const { name, model } = find(request, response);
        response.json(modelStatistics(context, name, model.version));
      },
    },
    {
      method: 'post',
      path: `${path}/infer`,
      tag,
      summary: 'Inference; noise that is not given is drawn from parameters.seed',
      body: { 'application/json': schemaFor(limits.most('maxCount')), 'application/octet-stream': null },
      response: {
        description: 'Outputs, in JSON or, with the binary tensor data extension, after it',
        content: { 'application/json': oipAnswers.infer, 'application/octet-stream': null },
      },
      work: true,
      modelOf: (request, response) => find(request, response).model,
      handle: (request, response) => infer(context, schemaFor, request, response),
    },
  ];
}

/** The protocol before V2: stock clients of KServe use it where they are not told otherwise. */
export function predictRoute(context: ServerContext): Route {
  const schemaFor = perCount(inferSchema);
  return {
    method: 'post',
    path: '/v1/models/{model}:predict',
    tag: 'KServe V1',
    summary: 'Inference by rows; models are named as by V2',
    body: { 'application/json': predictSchema },
    response: json('Predictions', predictAnswer),
    work: true,
    modelOf: (request, response) => {
      scopeOf(response).labels = { model: 'unknown', program: 'none' };
      const { model } = protocolModel(context.engine, parameter(request, 'model'));
      noteModel(context, scopeOf(response), model);
      return model;
    },
    handle: (request, response) => predict(context, schemaFor, request, response),
  };
}

/** Which bundles are served, where the server was started to be told so. The name is the bundle's. */
function controlRoutes(context: ServerContext): Route[] {
  const { engine } = context;
  return (['load', 'unload'] as const).map((action) => ({
    method: 'post',
    path: `/v2/repository/models/{model}/${action}`,
    tag,
    summary:
      action === 'load'
        ? 'Load a bundle, or what changed of it (--model-control explicit)'
        : 'Serve a bundle no more; what was accepted is answered (--model-control explicit)',
    body: { 'application/json': controlSchema },
    response: json('Done', oipAnswers.done),
    handle: async (request, response) => {
      await readOptional(context, request, response, controlSchema);
      await engine[`${action}Model`](parameter(request, 'model'));
      response.json({});
    },
  }));
}

/** Triton's parameters are read by no one: the files are those of the folder. */
const controlSchema = z.looseObject({});
const indexSchema = z.looseObject({ ready: z.boolean().optional() });

/** A body that may be left out, which is an empty object. @throws HttpError 400. */
async function readOptional<T extends z.ZodType>(
  context: ServerContext,
  request: Request,
  response: Response,
  schema: T,
): Promise<z.output<T>> {
  const bytes = bodyBytes(request);
  return validate(schema, bytes.length === 0 ? {} : await readJson(context, request, response));
}

function indexRoute(context: ServerContext): Route {
  const { engine } = context;
  return {
    method: 'post',
    path: '/v2/repository/index',
    tag,
    summary: 'All models and their states',
    body: { 'application/json': indexSchema },
    response: json('The index', oipAnswers.index),
    handle: async (request, response) => {
      const { ready } = await readOptional(context, request, response, indexSchema);
      response.json(repositoryIndex(engine, ready ?? false));
    },
  };
}
