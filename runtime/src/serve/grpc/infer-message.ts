import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { HostTensor } from '../../program/tensor.ts';
import { HttpError } from '../http/http-error.ts';
import { validate } from '../http/json-body.ts';
import type { Inference, TensorBytes } from '../http/oip/inference.ts';
import type { InferRequest, inferSchema } from '../http/oip/schemas.ts';
import { datatypeOf, tensorBytes } from '../http/oip/tensors.ts';
import {
  type InferParameter,
  type InferTensorContents,
  type InferTensorContentsSchema,
  type ModelInferRequest,
  type ModelInferResponse,
  ModelInferResponseSchema,
} from './inference_pb.ts';

/** Where numbers of a type stand that are not raw. FP16 and BF16 have no such place. */
const placeOf: Readonly<Record<string, keyof Omit<InferTensorContents, `$${string}`>>> = {
  BOOL: 'boolContents',
  INT8: 'intContents',
  INT16: 'intContents',
  INT32: 'intContents',
  INT64: 'int64Contents',
  UINT8: 'uintContents',
  UINT16: 'uintContents',
  UINT32: 'uintContents',
  UINT64: 'uint64Contents',
  FP32: 'fp32Contents',
  FP64: 'fp64Contents',
};

/**
 * A message as the request that REST would have brought, checked by the same schema.
 * @throws HttpError 400.
 */
export function requestOf(
  message: ModelInferRequest,
  schema: ReturnType<typeof inferSchema>,
): { asked: InferRequest; bytesOf: TensorBytes } {
  const { id, parameters, inputs, outputs, rawInputContents: raw } = message;
  if (raw.length > 0 && raw.length !== inputs.length) {
    throw new HttpError(
      400,
      `raw_input_contents: expected ${inputs.length}, one for each input, got ${raw.length}`,
    );
  }
  const asked = validate(schema, {
    ...(id !== '' && { id }),
    parameters: parametersOf(parameters),
    inputs: inputs.map(({ name, datatype, shape, parameters: own, contents }) => {
      if (raw.length > 0 && contents !== undefined) {
        throw new HttpError(
          400,
          `input '${name.slice(0, 60)}': contents and raw_input_contents are both given`,
        );
      }
      const place = placeOf[datatype];
      const values = contents && place && contents[place];
      return {
        name,
        datatype,
        shape: shape.map(numberOf),
        parameters: parametersOf(own),
        ...(values && { data: values.map(plain) }),
      };
    }),
    outputs: outputs.map(({ name, parameters: own }) => ({ name, parameters: parametersOf(own) })),
  });
  return { asked, bytesOf: (_wire, index) => raw[index] };
}

function parametersOf(entries: Readonly<Record<string, InferParameter>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entries).map(
      ([
        name,
        {
          parameterChoice: { value },
        },
      ]) => [name, plain(value)],
    ),
  );
}

/** Whole numbers of 64 bits become a number where one holds them, else digits, which a seed may be. */
function plain(value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function numberOf(value: bigint): number {
  return Number(value);
}

export interface AnswerParts {
  readonly version: string;
  readonly outputs: ReadonlyMap<string, HostTensor>;
  readonly parameters?: Readonly<Record<string, number | bigint | boolean | string>>;
}

/** The answer to an inference: its tensors raw, unless `binary_data_output` or an output's `binary_data` says false. */
export function answerOf({ target, asked, seed }: Inference, parts: AnswerParts): ModelInferResponse {
  const raw = asked.parameters?.binary_data_output ?? true;
  const own = new Map(asked.outputs?.map(({ name, parameters }) => [name, parameters?.binary_data]));
  // The protocol has either raw contents for all outputs or for none.
  const allRaw = [...parts.outputs.keys()].every((name) => own.get(name) ?? raw);
  const tensors = [...parts.outputs];
  return create(ModelInferResponseSchema, {
    modelName: target.name,
    modelVersion: parts.version,
    id: asked.id ?? '',
    parameters: parameterMap({ ...(seed !== undefined && { seed: BigInt(seed) }), ...parts.parameters }),
    outputs: tensors.map(([name, tensor]) => ({
      name,
      datatype: datatypeOf[tensor.dtype],
      shape: tensor.shape.map(BigInt),
      ...(allRaw ? {} : { contents: contentsOf(tensor) }),
    })),
    rawOutputContents: allRaw ? tensors.map(([, tensor]) => tensorBytes(tensor)) : [],
  });
}

type ParameterInit = NonNullable<MessageInitShape<typeof ModelInferResponseSchema>['parameters']>;

function parameterMap(values: Readonly<Record<string, number | bigint | boolean | string>>): ParameterInit {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, parameter(value)]));
}

/** KServe's clients know no unsigned numbers: a seed from 2^63 is written as its digits. */
function parameter(value: number | bigint | boolean | string): ParameterInit[string] {
  if (typeof value === 'boolean') return { parameterChoice: { case: 'boolParam', value } };
  if (typeof value === 'string' || value >= 2n ** 63n) {
    return { parameterChoice: { case: 'stringParam', value: String(value) } };
  }
  return { parameterChoice: { case: 'int64Param', value: BigInt(value) } };
}

function contentsOf({ dtype, data }: HostTensor): MessageInitShape<typeof InferTensorContentsSchema> {
  switch (dtype) {
    case 'bool':
      return { boolContents: Array.from(data, (value) => value !== 0) };
    case 'int32':
      return { intContents: Array.from(data) };
    case 'float32':
      return { fp32Contents: Array.from(data) };
  }
}
