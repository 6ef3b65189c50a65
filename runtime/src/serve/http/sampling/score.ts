import type { Request, Response } from 'express';
import { encodeExamples } from '../../../model/convert.ts';
import { needDensity, scoreExamples } from '../../../model/score.ts';
import { sendJson } from '../answer.ts';
import { answeredBefore } from '../cache/seeded-answer.ts';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { TensorText } from '../json/tensor-text.ts';
import { seedJson } from '../seed.ts';
import { inputOfRole, labelField, requestModel, scalarFields, seedFor, tensorField } from './programs.ts';
import { readRequest } from './request.ts';
import type { SamplingSchemas } from './schemas.ts';

/** `POST .../logprob`: log-densities of examples, exact or a bound, nats. */
export async function answerLogProb(
  context: ServerContext,
  { logprob }: SamplingSchemas,
  request: Request,
  response: Response,
): Promise<void> {
  const { model, body } = await readRequest(context, request, response, logprob);
  const { program, kind } = needDensity(model);
  if (answeredBefore(context, request, response, { model, seeded: body.seed !== undefined })) return;
  const { maxCount } = context.limits.of(model.name);
  const data = tensorField(maxCount, 'data', inputOfRole(model, program, 'data'), body.data);
  const count = data.shape[0]!;
  const { samples } = body;
  if (kind === 'bound' && count * samples > maxCount) {
    throw new HttpError(
      400,
      `samples: ${count} examples with ${samples} draws each are more than the ${maxCount} rows of one request`,
    );
  }
  const seed = seedFor(model, program, body.seed);
  const target = requestModel(context, response, model);
  const { values } = await scoreExamples(target, {
    ...{ data, samples, seed: seed ?? 0, firstIndex: body.first_index },
    ...labelField(model, program, body.label, { count, needed: true }),
    scalars: scalarFields(model, program, body, Object.keys(logprob.shape)),
  });
  if (seed !== undefined) response.set('Generatrix-Seed', String(seed));
  response.json({
    model: model.name,
    version: target.version(),
    ...(seed !== undefined && { seed: seedJson(seed) }),
    kind,
    unit: 'nats',
    values: Array.from(values),
  });
}

/** `POST .../encode`: codes of examples. */
export async function answerEncode(
  context: ServerContext,
  { encode }: SamplingSchemas,
  request: Request,
  response: Response,
): Promise<void> {
  const { model, body } = await readRequest(context, request, response, encode);
  const program = 'encode';
  if (answeredBefore(context, request, response, { model, seeded: body.seed !== undefined })) return;
  const { maxCount } = context.limits.of(model.name);
  const data = tensorField(maxCount, 'data', inputOfRole(model, program, 'data'), body.data);
  const seed = seedFor(model, program, body.seed);
  const target = requestModel(context, response, model);
  const latent = await encodeExamples(target, data, {
    ...labelField(model, program, body.label, { count: data.shape[0]!, needed: true }),
    scalars: scalarFields(model, program, body, Object.keys(encode.shape)),
    ...{ seed: seed ?? 0, firstIndex: body.first_index },
  });
  if (seed !== undefined) response.set('Generatrix-Seed', String(seed));
  await sendJson(context, response, {
    model: model.name,
    version: target.version(),
    ...(seed !== undefined && { seed: seedJson(seed) }),
    shape: latent.shape,
    latent: new TensorText(latent),
  });
}
