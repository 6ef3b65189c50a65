import type { Request, Response } from 'express';
import type { Endpoint } from '../../../model/contract.ts';
import { evenPlaces, interpolateExamples } from '../../../model/interpolate.ts';
import type { ServedModel } from '../../engine/engine.ts';
import { answeredBefore } from '../cache/seeded-answer.ts';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { checkSize, chooseFormat, sendSamples } from './present.ts';
import {
  inputOfRole,
  inputsOf,
  labelField,
  requestModel,
  scalarFields,
  seedFor,
  tensorField,
} from './programs.ts';
import { readRequest } from './request.ts';
import type { SamplingBody, SamplingSchemas } from './schemas.ts';

type Point = SamplingBody<'interpolate'>['from'];

/** `POST .../interpolate`: examples on the way between two seeds, or between two codes. */
export async function answerInterpolate(
  context: ServerContext,
  { interpolate }: SamplingSchemas,
  request: Request,
  response: Response,
): Promise<void> {
  const { model, body, presentation } = await readRequest(context, request, response, interpolate);
  const { from, to, steps: count, method } = body;
  if (isCode(from) !== isCode(to)) {
    throw new HttpError(400, 'to: expected a point of the kind of from: both seeds, or both latents');
  }
  const program = isCode(from) ? 'decode' : 'sample';
  inputsOf(model, program);
  const chosen = chooseFormat(request, model, presentation);
  // Between two seeds nothing else is drawn.
  const seeded = body.seed !== undefined || !isCode(from);
  if (answeredBefore(context, request, response, { model, seeded, shown: chosen })) return;
  const [start, end] = [endpoint(context, model, 'from', from), endpoint(context, model, 'to', to)];
  const seed = 'seed' in start ? start.seed : seedFor(model, program, body.seed);
  const target = requestModel(context, response, model);
  checkSize(model, count, chosen);
  const samples = await interpolateExamples(target, {
    ...{ from: start, to: end, places: evenPlaces(count), method, seed: seed ?? 0 },
    ...labelField(model, program, body.label, { count, needed: isCode(from) }),
    scalars: scalarFields(model, program, body, Object.keys(interpolate.shape)),
  });
  await sendSamples(context, response, { model: target, program, seed, samples }, chosen);
}

function isCode(point: Point): point is Extract<Point, { latent: unknown }> {
  return typeof point === 'object' && 'latent' in point;
}

function endpoint({ limits }: ServerContext, model: ServedModel, where: string, point: Point): Endpoint {
  if (typeof point !== 'object') return { seed: point };
  if (!isCode(point)) return point;
  const spec = inputOfRole(model, 'decode', 'latent');
  return { latent: tensorField(limits.of(model.name).maxCount, `${where}.latent`, spec, point.latent) };
}
