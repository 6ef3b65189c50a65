import type { Request, Response } from 'express';
import { samplingProgram } from '../../../model/abilities.ts';
import { completeExamples } from '../../../model/complete.ts';
import { completeProgram, completionOf, heldCarry } from '../../../model/completion-of.ts';
import type { CompleteRequest } from '../../../model/contract.ts';
import { decodeLatents } from '../../../model/convert.ts';
import { drawSamples } from '../../../model/sample.ts';
import type { Seed } from '../../../noise/noise.ts';
import type { HostTensor } from '../../../program/tensor.ts';
import type { ServedModel } from '../../engine/engine.ts';
import { answeredBefore } from '../cache/seeded-answer.ts';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { countAnswer, scopeOf } from '../request-scope.ts';
import { checkSize, chooseFormat, sendSamples } from './present.ts';
import {
  inputOfRole,
  inputsOf,
  labelField,
  repeated,
  requestModel,
  rowsAsked,
  scalarFields,
  seedFor,
  tensorField,
} from './programs.ts';
import { readRequest, readSampleRequest } from './request.ts';
import type { Presentation, SamplingSchemas } from './schemas.ts';
import { streamDrawn, wantsStream } from './stream.ts';

interface CompleteBody {
  readonly seed?: Seed;
  readonly first_index: number;
  readonly label?: number | number[];
  readonly given?: unknown;
  readonly held?: unknown;
  readonly count?: number;
}

/** `POST .../samples` and `GET`: draws samples, or completes those given. */
export async function answerSamples(
  context: ServerContext,
  { samples }: SamplingSchemas,
  request: Request,
  response: Response,
): Promise<void> {
  const { model, body, presentation } = await readSampleRequest(context, request, response, samples);
  const fields = Object.keys(samples.shape);
  const unused =
    body.given === undefined ? undefined : (['labels', 'draw'] as const).find((name) => body[name]);
  if (unused !== undefined) {
    throw new HttpError(
      400,
      `${unused}: not for completions: the examples given have their classes and values`,
    );
  }
  const continued =
    body.given === undefined ? undefined : () => givenPart(context, response, { model, body, fields });
  if (wantsStream(request, body)) {
    return streamDrawn(context, response, model, { body, fields, continued });
  }
  if (continued) return sendCompleted(context, request, response, { model, body, fields, presentation });
  const program = samplingProgram(model.manifest.programs) ?? 'sample';
  inputsOf(model, program);
  const chosen = chooseFormat(request, model, presentation);
  const seeded = body.seed !== undefined;
  if (answeredBefore(context, request, response, { model, seeded, shown: chosen })) return;
  const { count, first_index: firstIndex, labels, draw } = body;
  checkSize(model, count, chosen);
  const seed = seedFor(model, program, body.seed);
  const target = requestModel(context, response, model);
  const drawn = await drawSamples(target, {
    ...scalarFields(model, program, body, fields),
    ...labelField(model, program, body.label, { count, needed: false }),
    ...(labels && { labels }),
    ...(draw && { draw }),
    ...{ seed: seed ?? 0, firstIndex, count },
  });
  await sendSamples(context, response, { model: target, program, seed, samples: drawn }, chosen);
}

/** `POST .../complete`: keeps a part of the examples given and draws the rest. */
export async function answerComplete(
  context: ServerContext,
  { complete }: SamplingSchemas,
  request: Request,
  response: Response,
): Promise<void> {
  const { model, body, presentation } = await readRequest(context, request, response, complete);
  const fields = Object.keys(complete.shape);
  return sendCompleted(context, request, response, { model, body, fields, presentation });
}

async function sendCompleted(
  context: ServerContext,
  request: Request,
  response: Response,
  asked: {
    readonly model: ServedModel;
    readonly body: CompleteBody;
    readonly fields: readonly string[];
    readonly presentation: Presentation;
  },
): Promise<void> {
  const { model, body, fields, presentation } = asked;
  const program = 'complete';
  inputOfRole(model, program, 'data');
  const chosen = chooseFormat(request, model, presentation);
  const seeded = body.seed !== undefined;
  if (answeredBefore(context, request, response, { model, seeded, shown: chosen })) return;
  const seed = seedFor(model, program, body.seed);
  const target = requestModel(context, response, model);
  const part = await givenPart(context, response, { model, body, fields, chosen });
  const samples = await completeExamples(target, {
    ...part,
    ...{ seed: seed ?? 0, firstIndex: body.first_index },
  });
  await sendSamples(context, response, { model: target, program, seed, samples }, chosen);
}

/** The examples of a request that are to be continued, and how much of them is kept: the program's default if unsaid. */
async function givenPart(
  context: ServerContext,
  response: Response,
  asked: {
    readonly model: ServedModel;
    readonly body: CompleteBody;
    readonly fields: readonly string[];
    /** Absent for streams, which are shown part by part. */
    readonly chosen?: ReturnType<typeof chooseFormat>;
  },
): Promise<CompleteRequest> {
  const { model, body, fields, chosen } = asked;
  const program = 'complete';
  const { maxCount } = context.limits.of(model.name);
  const given = tensorField(maxCount, 'given', inputOfRole(model, program, 'data'), body.given);
  const count = rowsAsked(given, body.count);
  if (chosen) checkSize(model, count, chosen);
  countAnswer(context.budget, scopeOf(response), { model, program }, count);
  const { unit } = completionOf(model);
  const spec = inputsOf(model, program)[unit];
  const usual = spec?.role === 'scalar' ? spec.default : 0;
  const { [unit]: known = usual, ...scalars } = scalarFields(
    model,
    program,
    body as unknown as Record<string, unknown>,
    fields,
  );
  const labels = labelField(model, program, body.label, { count, needed: true });
  const held = body.held === undefined ? {} : { held: heldField(model, maxCount, body.held) };
  return { ...scalars, ...labels, ...held, data: await repeated(given, count), known };
}

/** The pixels of a request that are kept, one image of marks or one for each. @throws HttpError 400. */
function heldField(model: ServedModel, maxCount: number, value: unknown): HostTensor {
  const spec = inputsOf(model, completeProgram)[heldCarry];
  if (spec !== undefined) return tensorField(maxCount, 'held', spec, value);
  throw new HttpError(400, `held: model ${model.name} keeps the beginning of an example alone; leave it out`);
}

/** `POST .../decode`: examples from codes. */
export async function answerDecode(
  context: ServerContext,
  { decode }: SamplingSchemas,
  request: Request,
  response: Response,
): Promise<void> {
  const { model, body, presentation } = await readRequest(context, request, response, decode);
  const program = 'decode';
  const spec = inputOfRole(model, program, 'latent');
  const chosen = chooseFormat(request, model, presentation);
  const seeded = body.seed !== undefined;
  if (answeredBefore(context, request, response, { model, seeded, shown: chosen })) return;
  const { maxCount } = context.limits.of(model.name);
  const latent = tensorField(maxCount, 'latent', spec, body.latent);
  const seed = seedFor(model, program, body.seed);
  const target = requestModel(context, response, model);
  checkSize(model, latent.shape[0]!, chosen);
  const samples = await decodeLatents(target, latent, {
    ...labelField(model, program, body.label, { count: latent.shape[0]!, needed: true }),
    scalars: scalarFields(model, program, body, Object.keys(decode.shape)),
    ...{ seed: seed ?? 0, firstIndex: body.first_index },
  });
  await sendSamples(context, response, { model: target, program, seed, samples }, chosen);
}
