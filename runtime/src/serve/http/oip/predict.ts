import type { Request, Response } from 'express';
import { z } from 'zod';
import { type HostTensor, sizeOf } from '../../../program/tensor.ts';
import { sendJson } from '../answer.ts';
import { answeredBefore } from '../cache/seeded-answer.ts';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { isNumberList } from '../json/number-list.ts';
import { TensorText } from '../json/tensor-text.ts';
import { bodyBytes, checkMediaType, readJson, show, validate } from '../json-body.ts';
import { noteModel, runFor, scopeOf } from '../request-scope.ts';
import { parameter } from '../route.ts';
import { checkTextSize } from '../sampling/present.ts';
import { seedJson } from '../seed.ts';
import { prepareInference } from './inference.ts';
import { type ProtocolModel, protocolModel } from './names.ts';
import type { InferRequest, inferSchema } from './schemas.ts';
import { datatypeOf } from './tensors.ts';

/** A body of KServe's V1 protocol, which is TensorFlow Serving's row format. */
export const predictSchema = z.object({
  instances: z.unknown().meta({
    type: 'array',
    items: {},
    minItems: 1,
    description:
      'A row each: its inputs by name, or, where the model needs one input, that; {} draws everything from the seed',
  }),
  parameters: z
    .looseObject({})
    .optional()
    .describe('As of inference by V2: seed, first_index, timeout, cast'),
});

export const predictAnswer = z.object({
  predictions: z.array(z.unknown()).describe('A row each: the output, or, of several, each by its name'),
  seed: z.union([z.int(), z.string()]).optional(),
});

/** `POST /v1/models/{name}:predict`, the name as in the Open Inference Protocol. */
export async function predict(
  context: ServerContext,
  schemaFor: (maxCount: number) => ReturnType<typeof inferSchema>,
  request: Request,
  response: Response,
): Promise<void> {
  scopeOf(response).labels = { model: 'unknown', program: 'none' };
  const target = protocolModel(context.engine, parameter(request, 'model'));
  const { model, program } = target;
  noteModel(context, scopeOf(response), model, program);
  const { maxCount } = context.limits.of(model.name);
  checkMediaType(request, ['application/json']);
  const bytes = bodyBytes(request);
  if (bytes.length === 0) throw new HttpError(400, 'the request has no body');
  const body = validate(predictSchema, await readJson(context, request, response));
  const { count, inputs } = columnsOf(target, body.instances);
  const parameters = { ...body.parameters, count };
  const asked: InferRequest = validate(schemaFor(maxCount), { inputs, parameters });
  const seeded = asked.parameters?.seed !== undefined;
  if (answeredBefore(context, request, response, { model, seeded })) return;
  const inference = prepareInference(target, asked, { bytesOf: () => undefined, maxCount });
  const { sources, seed, timeoutMs, outputs } = inference;
  const values = outputs.reduce((sum, name) => sum + sizeOf(target.entry.outputs[name]!.shape), 0);
  checkTextSize(count, values, 'by V2 in binary (binary_data_output)');
  const result = await runFor(context, response, { model, program, sources, timeoutMs });
  if (seed !== undefined) response.set('Generatrix-Seed', String(seed));
  const [only] = outputs;
  const predictions =
    outputs.length === 1 ? new TensorText(result.outputs[only!]!) : rowsOf(result.outputs, outputs, count);
  await sendJson(context, response, { predictions, ...(seed !== undefined && { seed: seedJson(seed) }) });
}

/** The inputs of all instances as tensors of V2. @throws HttpError 400 when they are not alike. */
function columnsOf(
  { name, entry }: ProtocolModel,
  instances: unknown,
): { readonly count: number; readonly inputs: object[] } {
  const wire = (input: string, count: number, data: unknown) => {
    if (!Object.hasOwn(entry.inputs, input)) {
      const known = Object.keys(entry.inputs).join(', ') || 'none';
      throw new HttpError(400, `model ${name} has no input '${input.slice(0, 60)}' (it has: ${known})`);
    }
    const spec = entry.inputs[input]!;
    const shape = spec.role === 'scalar' ? [count, 1] : [count, ...spec.shape];
    return { name: input, shape, datatype: datatypeOf[spec.dtype], data };
  };
  if (isNumberList(instances)) {
    const count = instances.lengths[0]!;
    return { count, inputs: [wire(onlyInput(name, entry), count, instances)] };
  }
  if (!Array.isArray(instances) || instances.length === 0) {
    throw new HttpError(400, `instances: expected a list of at least one row, got ${show(instances)}`);
  }
  const rows = instances.map((row: unknown) => (isNamed(row) ? row : { [onlyInput(name, entry)]: row }));
  const names = Object.keys(rows[0]!);
  for (const [i, row] of rows.entries()) {
    const given = Object.keys(row);
    if (given.length === names.length && names.every((input) => Object.hasOwn(row, input))) continue;
    const expected = names.join(', ') || 'none';
    throw new HttpError(
      400,
      `instances.${i}: expected the inputs of the first (${expected}), got ${given.join(', ').slice(0, 100) || 'none'}`,
    );
  }
  const plain = (value: unknown) => (isNumberList(value) ? Array.from(value.numbers) : value);
  const count = rows.length;
  return {
    count,
    inputs: names.map((input) =>
      wire(
        input,
        count,
        rows.map((row) => plain(row[input])),
      ),
    ),
  };
}

function isNamed(row: unknown): row is Record<string, unknown> {
  return typeof row === 'object' && row !== null && !Array.isArray(row) && !isNumberList(row);
}

/** The input that a row without names is. @throws HttpError 400 when there is not one that is needed. */
function onlyInput(name: string, { inputs }: ProtocolModel['entry']): string {
  const needed = Object.keys(inputs).filter((input) =>
    ['data', 'latent', 'condition'].includes(inputs[input]!.role),
  );
  if (needed.length === 1) return needed[0]!;
  const all = Object.keys(inputs).join(', ') || 'none';
  throw new HttpError(400, `instances: model ${name} takes its inputs by name (it has: ${all})`);
}

function rowsOf(
  tensors: Readonly<Record<string, HostTensor>>,
  names: readonly string[],
  count: number,
): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(
      names.map((name) => {
        const { shape, data, dtype } = tensors[name]!;
        const size = data.length / count;
        const part = data.slice(row * size, (row + 1) * size);
        const one = { dtype, shape: shape.slice(1), data: part } as HostTensor;
        return [name, shape.length === 1 ? singleValue(one) : new TensorText(one)];
      }),
    ),
  );
}

/** JSON has no number that is not finite. */
function singleValue({ dtype, data }: HostTensor): number | boolean | null {
  const [value] = data;
  if (dtype === 'bool') return value !== 0;
  return Number.isFinite(value) ? value! : null;
}
