import { once } from 'node:events';
import type { Request, Response } from 'express';
import { completionOf } from '../../../model/complete.ts';
import { fillInputs } from '../../../model/inputs.ts';
import type { Sampler } from '../../../model/sampler.ts';
import { drawScalar, randomSeed } from '../../../model/sampler-arguments.ts';
import { type StreamPart, streamSamples } from '../../../model/stream.ts';
import type { HostTensor } from '../../../program/tensor.ts';
import type { ServedModel } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import { HttpError, toHttpError } from '../http-error.ts';
import { tensorToJson } from '../json-tensor.ts';
import { runFor, scopeOf } from '../request-scope.ts';
import { seedJson } from '../seed.ts';
import {
  drawnLabels,
  inputOfRole,
  inputsOf,
  labelSources,
  repeated,
  scalarSources,
  tensorField,
} from './programs.ts';
import type { SamplingBody } from './schemas.ts';

const program = 'advance';
const eventStream = 'text/event-stream';

/** Does a request for samples want them part by part, by its field or its Accept header? */
export function wantsStream(request: Request, { stream }: Pick<SamplingBody<'samples'>, 'stream'>): boolean {
  return stream ?? request.accepts(['application/json', eventStream]) === eventStream;
}

/**
 * Samples as server-sent events: `start` (seed, shape, number of parts), a `part` for each (some rows of images, a
 * stretch of sound, for all samples), `end`; `error` where it fails midway. Together the parts are the samples that
 * a request without `stream` would get. Every part is a run of its own, so others get their turn between.
 */
export async function streamDrawn(
  context: ServerContext,
  response: Response,
  model: ServedModel,
  body: SamplingBody<'samples'>,
  fields: readonly string[],
): Promise<void> {
  if (!Object.hasOwn(model.manifest.programs, program)) {
    throw new HttpError(400, `model ${model.name} draws a sample in one piece: it cannot stream`);
  }
  const parts = streamSamples(bundleOf(model), runOver(context, response, model), {
    ...request(context, model, body, fields),
    signal: scopeOf(response).signal,
  });
  let started = false;
  try {
    for await (const part of parts) {
      if (!started) await start(response, model, part);
      started = true;
      await send(response, 'part', { index: part.index, start: part.start, ...valuesOf(part.data) });
    }
    await send(response, 'end', {});
  } catch (error) {
    // Before the first part there is still a status to say it with.
    if (!started) throw error;
    if (!response.destroyed) {
      await send(response, 'error', { error: toHttpError(error, context.config.maxBodyBytes).message });
    }
    throw error;
  } finally {
    if (started) response.end();
  }
}

/** What `streamSamples` is asked for. */
function request(
  context: ServerContext,
  model: ServedModel,
  body: SamplingBody<'samples'>,
  fields: readonly string[],
) {
  const { seed = randomSeed(), first_index: firstIndex, label } = body;
  if (body.given === undefined) {
    const { scalars = {} } = scalarSources(model, 'sample', body, fields);
    const key = { seed, firstIndex, count: body.count };
    const { labels } = drawnLabels(model, program, body, key);
    const chosen = drawScalar(model.manifest, 'sample', inputsOf(model, 'sample'), body.draw);
    return { ...scalars, ...chosen, ...(labels && { label: labels }), seed, firstIndex, count: body.count };
  }
  const data = repeated(
    tensorField(context, 'given', inputOfRole(model, 'complete', 'data'), body.given),
    body.count,
  );
  const { unit } = completionOf(model);
  const spec = inputsOf(model, 'complete')[unit];
  const { [unit]: known, ...scalars } = scalarSources(model, 'complete', body, fields).scalars ?? {};
  const count = data.shape[0]!;
  const { labels } = labelSources(model, program, label, count, true);
  return {
    ...scalars,
    ...(labels && { label: labels }),
    given: { data, known: known ?? (spec?.role === 'scalar' ? spec.default : 0) },
    seed,
    firstIndex,
    count,
  };
}

function bundleOf({ manifest }: ServedModel) {
  return { manifest, program: (name: string) => manifest.programs[name]! };
}

/** Runs a part in the engine. Its noise is a part of that of `sample`, so it is filled here and given. */
function runOver(context: ServerContext, response: Response, model: ServedModel): Sampler['run'] {
  return async (name, sources) => {
    const inputs = inputsOf(model, name);
    const filled = Object.entries(fillInputs(name, inputs, sources));
    const tensors = Object.fromEntries(filled.filter(([input]) => inputs[input]!.role !== 'scalar'));
    const { seed, firstIndex, count, scalars } = sources;
    const run = { seed, firstIndex, count, tensors, ...(scalars && { scalars }) };
    return (await runFor(context, response, { model, program: name, sources: run })).outputs;
  };
}

async function start(
  response: Response,
  model: ServedModel,
  { seed, chunks, soFar }: StreamPart,
): Promise<void> {
  response.status(200).set({
    'Content-Type': eventStream,
    'Cache-Control': 'no-store',
    // Proxies that gather answers would make the stream pointless.
    'X-Accel-Buffering': 'no',
    'Generatrix-Seed': String(seed),
    'Generatrix-Version': model.version,
  });
  const { name, version } = model;
  await send(response, 'start', {
    model: name,
    version,
    seed: seedJson(seed),
    count: soFar.shape[0],
    shape: soFar.shape,
    parts: chunks,
  });
}

const valuesOf = (tensor: HostTensor) => ({ shape: tensor.shape, data: tensorToJson(tensor) });

/** Waits where the client reads more slowly than the model draws. */
async function send(response: Response, event: string, data: object): Promise<void> {
  const more = response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  if (!more) await once(response, 'drain', { signal: scopeOf(response).signal });
}
