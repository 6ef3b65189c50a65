import type { Request, Response } from 'express';
import { drawScalar } from '../../../model/sampler-arguments.ts';
import type { Seed } from '../../../noise/noise.ts';
import type { HostTensor } from '../../../program/tensor.ts';
import type { ServedModel } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { chooseFormat, sendSamples } from './present.ts';
import {
  drawnLabels,
  inputOfRole,
  inputsOf,
  labelSources,
  repeated,
  runAndPick,
  scalarSources,
  seedFor,
  tensorField,
} from './programs.ts';
import { readRequest } from './request.ts';
import type { Presentation, SamplingSchemas } from './schemas.ts';
import { streamDrawn, wantsStream } from './stream.ts';

interface DrawBody {
  readonly seed?: Seed;
  readonly first_index: number;
  readonly label?: number | number[];
}

/** `POST .../samples`: draws samples, or completes those given. */
export async function drawSamples(
  context: ServerContext,
  { samples }: SamplingSchemas,
  request: Request,
  response: Response,
): Promise<void> {
  const { model, body, presentation } = readRequest(context, request, response, samples);
  const unused =
    body.given === undefined ? undefined : (['labels', 'draw'] as const).find((name) => body[name]);
  if (unused !== undefined) {
    throw new HttpError(
      400,
      `${unused}: not for completions: the examples given have their classes and values`,
    );
  }
  if (wantsStream(request, body)) {
    return streamDrawn(context, response, model, body, Object.keys(samples.shape));
  }
  if (body.given !== undefined) {
    return complete(context, request, response, model, body, presentation, Object.keys(samples.shape));
  }
  const program = 'sample';
  const inputs = inputsOf(model, program);
  const chosen = chooseFormat(request, model, presentation);
  const { count, first_index: firstIndex } = body;
  const seed = seedFor(model, program, body.seed);
  const key = { seed: seed ?? 0, firstIndex, count };
  const { scalars } = scalarSources(model, program, body, Object.keys(samples.shape));
  const drawn = await runAndPick(context, response, {
    model,
    program,
    meaning: 'data',
    sources: {
      ...key,
      ...drawnLabels(model, program, body, key),
      scalars: { ...scalars, ...drawScalar(model.manifest, program, inputs, body.draw) },
    },
  });
  await sendSamples(response, { model, program, seed, ...drawn }, chosen);
}

/** `POST .../complete`: keeps a part of the examples given and draws the rest. */
export async function completeSamples(
  context: ServerContext,
  schemas: SamplingSchemas,
  request: Request,
  response: Response,
): Promise<void> {
  const { model, body, presentation } = readRequest(context, request, response, schemas.complete);
  return complete(context, request, response, model, body, presentation, Object.keys(schemas.complete.shape));
}

async function complete(
  context: ServerContext,
  request: Request,
  response: Response,
  model: ServedModel,
  body: DrawBody & { readonly given?: unknown; readonly count?: number },
  presentation: Presentation,
  fields: readonly string[],
): Promise<void> {
  const program = 'complete';
  const spec = inputOfRole(model, program, 'data');
  const chosen = chooseFormat(request, model, presentation);
  const data = repeated(tensorField(context, 'given', spec, body.given), body.count);
  await sendRun(context, response, {
    model,
    program,
    source: { data },
    body,
    fields,
    chosen,
  });
}

/** `POST .../decode`: examples from codes. */
export async function decodeLatents(
  context: ServerContext,
  { decode }: SamplingSchemas,
  request: Request,
  response: Response,
): Promise<void> {
  const { model, body, presentation } = readRequest(context, request, response, decode);
  const program = 'decode';
  const spec = inputOfRole(model, program, 'latent');
  const chosen = chooseFormat(request, model, presentation);
  const latent = tensorField(context, 'latent', spec, body.latent);
  const fields = Object.keys(decode.shape);
  await sendRun(context, response, {
    model,
    program,
    source: { latent },
    body,
    fields,
    chosen,
  });
}

interface GivenRun {
  readonly model: ServedModel;
  readonly program: string;
  readonly source: { readonly data: HostTensor } | { readonly latent: HostTensor };
  readonly body: DrawBody;
  readonly fields: readonly string[];
  readonly chosen: ReturnType<typeof chooseFormat>;
}

async function sendRun(
  context: ServerContext,
  response: Response,
  { model, program, source, body, fields, chosen }: GivenRun,
): Promise<void> {
  const [tensor] = Object.values(source) as [HostTensor];
  const count = tensor.shape[0]!;
  const seed = seedFor(model, program, body.seed);
  const drawn = await runAndPick(context, response, {
    model,
    program,
    meaning: 'data',
    sources: {
      ...source,
      seed: seed ?? 0,
      firstIndex: body.first_index,
      count,
      ...labelSources(model, program, body.label, count, true),
      ...scalarSources(model, program, body as unknown as Record<string, unknown>, fields),
    },
  });
  await sendSamples(response, { model, program, seed, ...drawn }, chosen);
}
