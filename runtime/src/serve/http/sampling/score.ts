import type { Request, Response } from 'express';
import { checkDraws, estimateLogProb } from '../../../model/log-prob.ts';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { tensorToJson } from '../json-tensor.ts';
import { seedJson } from '../seed.ts';
import {
  has,
  inputOfRole,
  inputsOf,
  labelSources,
  runAndPick,
  scalarSources,
  seedFor,
  tensorField,
} from './programs.ts';
import { readRequest } from './request.ts';
import type { SamplingSchemas } from './schemas.ts';

/** `POST .../logprob`: log-densities of examples, exact or a bound, nats. */
export async function scoreExamples(
  context: ServerContext,
  { logprob }: SamplingSchemas,
  request: Request,
  response: Response,
): Promise<void> {
  const { model, body } = readRequest(context, request, response, logprob);
  const exact = has(model, 'logProb');
  const program = exact ? 'logProb' : 'logWeight';
  if (!has(model, program)) {
    throw new HttpError(400, `model ${model.name} (${model.manifest.family}) has no density to evaluate`);
  }
  const data = tensorField(context, 'data', inputOfRole(model, program, 'data'), body.data);
  const count = data.shape[0]!;
  const draws = exact ? 1 : body.samples;
  checkDraws(model.name, inputsOf(model, program), draws);
  if (count * draws > context.config.maxCount) {
    throw new HttpError(
      400,
      `samples: ${count} examples with ${draws} draws each are more than the ${context.config.maxCount} rows of one request`,
    );
  }
  const seed = seedFor(model, program, body.seed);
  const sources = {
    data,
    seed: seed ?? 0,
    firstIndex: body.first_index,
    count,
    ...labelSources(model, program, body.label, count, true),
    ...scalarSources(model, program, body, Object.keys(logprob.shape)),
  };
  let { version } = model;
  const values = await estimateLogProb(draws, count, async (draw) => {
    const run = { model, program, sources: { ...sources, draw }, meaning: program } as const;
    const scored = await runAndPick(context, response, run);
    version = scored.version;
    return scored.data;
  });
  if (seed !== undefined) response.set('Generatrix-Seed', String(seed));
  response.json({
    model: model.name,
    version,
    ...(seed !== undefined && { seed: seedJson(seed) }),
    kind: exact ? 'exact' : 'bound',
    unit: 'nats',
    values: Array.from(values),
  });
}

/** `POST .../encode`: codes of examples. */
export async function encodeExamples(
  context: ServerContext,
  { encode }: SamplingSchemas,
  request: Request,
  response: Response,
): Promise<void> {
  const { model, body } = readRequest(context, request, response, encode);
  const program = 'encode';
  const data = tensorField(context, 'data', inputOfRole(model, program, 'data'), body.data);
  const count = data.shape[0]!;
  const seed = seedFor(model, program, body.seed);
  const coded = await runAndPick(context, response, {
    model,
    program,
    meaning: 'latent',
    sources: {
      data,
      seed: seed ?? 0,
      firstIndex: body.first_index,
      count,
      ...labelSources(model, program, body.label, count, true),
      ...scalarSources(model, program, body, Object.keys(encode.shape)),
    },
  });
  if (seed !== undefined) response.set('Generatrix-Seed', String(seed));
  response.json({
    model: model.name,
    version: coded.version,
    ...(seed !== undefined && { seed: seedJson(seed) }),
    shape: coded.data.shape,
    latent: tensorToJson(coded.data),
  });
}
