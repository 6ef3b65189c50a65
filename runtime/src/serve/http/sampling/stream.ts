import type { Request, Response } from 'express';
import { canStream, samplingProgram } from '../../../model/abilities.ts';
import type { CompleteRequest, StreamPart, StreamRequest } from '../../../model/contract.ts';
import { streamSamples } from '../../../model/stream.ts';
import { randomSeed } from '../../../noise/noise.ts';
import type { HostTensor } from '../../../program/tensor.ts';
import type { ServedModel } from '../../engine/engine.ts';
import { jsonChunks, write } from '../answer.ts';
import type { ServerContext } from '../context.ts';
import { HttpError, toHttpError } from '../http-error.ts';
import { TensorText } from '../json/tensor-text.ts';
import { scopeOf } from '../request-scope.ts';
import { seedJson } from '../seed.ts';
import { labelField, requestModel, scalarFields } from './programs.ts';
import type { SamplingBody } from './schemas.ts';

const eventStream = 'text/event-stream';

/** Does a request for samples want them part by part, by its field or its Accept header? */
export function wantsStream(request: Request, { stream }: Pick<SamplingBody<'samples'>, 'stream'>): boolean {
  return stream ?? request.accepts(['application/json', eventStream]) === eventStream;
}

/** What a request for a stream asks. */
export interface StreamAsked {
  readonly body: SamplingBody<'samples'>;
  /** The names of the fields that are no scalars. */
  readonly fields: readonly string[];
  /** The examples that are to be continued; undefined where samples are drawn from nothing. */
  readonly continued: (() => Promise<CompleteRequest>) | undefined;
}

/**
 * Samples as server-sent events: `start` (seed, shape, number of parts), a `part` for each (some rows of images, a
 * stretch of sound, for all samples), `end`; `error` where it fails midway. Together the parts are the samples that
 * a request without `stream` would get; of a chain, each is all of the samples after some steps more, and the last is
 * those samples. Every part is a run of its own, so others get their turn between.
 */
export async function streamDrawn(
  context: ServerContext,
  response: Response,
  model: ServedModel,
  asked: StreamAsked,
): Promise<void> {
  if (!canStream(model)) {
    throw new HttpError(400, `model ${model.name} draws a sample in one piece: it cannot stream`);
  }
  const parts = streamSamples(requestModel(context, response, model), {
    ...(await streamRequest(model, asked)),
    signal: scopeOf(response).signal,
  });
  let started = false;
  try {
    for await (const part of parts) {
      if (!started) await start(context, response, model, part);
      started = true;
      await send(context, response, 'part', {
        ...{ index: part.index, start: part.start, ...valuesOf(part.data) },
        ...(part.outputs && { outputs: mapped(part.outputs) }),
      });
    }
    await send(context, response, 'end', {});
  } catch (error) {
    // Before the first part there is still a status to say it with.
    if (!started) throw error;
    if (!response.destroyed) {
      await send(context, response, 'error', { error: toHttpError(error).message });
    }
    throw error;
  } finally {
    if (started) response.end();
  }
}

async function streamRequest(
  model: ServedModel,
  { body, fields, continued }: StreamAsked,
): Promise<StreamRequest> {
  const { seed = randomSeed(), first_index: firstIndex, count, labels, draw } = body;
  if (continued) {
    const { data, known, held, ...rest } = await continued();
    return {
      ...rest,
      given: { data, known, ...(held && { held }) },
      seed,
      firstIndex,
      count: data.shape[0]!,
    };
  }
  return {
    ...scalarFields(model, samplingProgram(model.manifest.programs) ?? 'sample', body, fields),
    ...labelField(model, 'advance', body.label, { count, needed: false }),
    ...(labels && { labels }),
    ...(draw && { draw }),
    ...{ seed, firstIndex, count },
  };
}

async function start(
  context: ServerContext,
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
  await send(context, response, 'start', {
    model: name,
    version,
    seed: seedJson(seed),
    count: soFar.shape[0],
    shape: soFar.shape,
    parts: chunks,
  });
}

const valuesOf = (tensor: HostTensor) => ({ shape: tensor.shape, data: new TensorText(tensor) });

const mapped = (outputs: Readonly<Record<string, HostTensor>>) =>
  Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, valuesOf(tensor)]));

/** Waits where the client reads more slowly than the model draws. */
async function send(context: ServerContext, response: Response, event: string, data: object): Promise<void> {
  await write(response, Buffer.from(`event: ${event}\ndata: `));
  for await (const chunk of jsonChunks(context, data)) await write(response, chunk);
  await write(response, Buffer.from('\n\n'));
}
