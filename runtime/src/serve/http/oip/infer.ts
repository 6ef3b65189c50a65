import type { Request, Response } from 'express';
import { sizeOf } from '../../../program/tensor.ts';
import { answeredBefore } from '../cache/seeded-answer.ts';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { checkMediaType, validate } from '../json-body.ts';
import { noteModel, runFor, scopeOf } from '../request-scope.ts';
import { parameter } from '../route.ts';
import { checkTextSize } from '../sampling/present.ts';
import { type Inference, prepareInference, type TensorBytes } from './inference.ts';
import { protocolModel } from './names.ts';
import { isBinary, sendOutputs } from './respond.ts';
import type { inferSchema } from './schemas.ts';
import { splitBody } from './wire.ts';

/** `POST .../infer`. Every answer of success is 200: stock clients take no other. */
export async function infer(
  context: ServerContext,
  schemaFor: (maxCount: number) => ReturnType<typeof inferSchema>,
  request: Request,
  response: Response,
): Promise<void> {
  const version = parameter(request, 'version') || undefined;
  scopeOf(response).labels = { model: 'unknown', program: 'none' };
  const target = protocolModel(context.engine, parameter(request, 'model'), version);
  noteModel(context, scopeOf(response), target.model, target.program);
  const { maxCount } = context.limits.of(target.model.name);
  checkMediaType(request, ['application/json', 'application/octet-stream']);
  const { json, binary } = await splitBody(context, request, response);
  const asked = validate(schemaFor(maxCount), json);
  const seeded = asked.parameters?.seed !== undefined;
  if (answeredBefore(context, request, response, { model: target.model, seeded })) return;
  const { bytesOf, checkEnd } = bytesAfterJson(binary);
  const inference = prepareInference(target, asked, { bytesOf, maxCount });
  checkEnd();
  const { program, model } = target;
  const { sources, timeoutMs } = inference;
  checkTextSize(sources.count, textValues(inference), 'in binary (binary_data_output)');
  const result = await runFor(context, response, { model, program, sources, timeoutMs });
  await sendOutputs(context, response, inference, result);
}

/** Tensors' bytes one after the other, each as long as its `binary_data_size`. */
function bytesAfterJson(binary: Uint8Array): { bytesOf: TensorBytes; checkEnd: () => void } {
  let offset = 0;
  return {
    bytesOf: ({ name, parameters }) => {
      const size = parameters?.binary_data_size;
      if (size === undefined) return undefined;
      if (offset + size > binary.length) {
        throw new HttpError(400, `input '${name}': its ${size} bytes go beyond the body's end`);
      }
      offset += size;
      return binary.subarray(offset - size, offset);
    },
    checkEnd: () => {
      if (offset === binary.length) return;
      throw new HttpError(400, `the body has ${binary.length - offset} bytes more than its inputs say`);
    },
  };
}

/** Values a row that are answered as text. */
function textValues({ target: { entry }, asked, outputs }: Inference): number {
  const texts = outputs.filter((name) => !isBinary(asked, name));
  return texts.reduce((sum, name) => sum + sizeOf(entry.outputs[name]!.shape), 0);
}
