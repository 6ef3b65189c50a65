import type { Response } from 'express';
import type { HostTensor } from '../../../program/tensor.ts';
import type { RunResult } from '../../engine/engine.ts';
import { jsonChunks, sendBytes, sendJson } from '../answer.ts';
import type { ServerContext } from '../context.ts';
import { TensorText } from '../json/tensor-text.ts';
import { seedJson } from '../seed.ts';
import type { Inference } from './inference.ts';
import type { InferRequest } from './schemas.ts';
import { datatypeOf, tensorBytes } from './tensors.ts';
import { jsonLengthHeader } from './wire.ts';

/** Whether an output is wanted as bytes. */
export function isBinary({ outputs, parameters }: InferRequest, name: string): boolean {
  const own = outputs?.find((output) => output.name === name)?.parameters?.binary_data;
  return own ?? parameters?.binary_data_output ?? false;
}

/** Answers an inference: JSON, and after it the bytes of the outputs that are wanted so. */
export async function sendOutputs(
  context: ServerContext,
  response: Response,
  { target, asked, outputs, seed }: Inference,
  result: RunResult,
): Promise<void> {
  const binary: Uint8Array[] = [];
  // Writing text may give its memory away, which an output that is wanted as bytes may share.
  const mixed = outputs.some((name) => isBinary(asked, name));
  const tensors = outputs.map((name) => {
    const tensor = result.outputs[name]!;
    const about = { name, shape: tensor.shape, datatype: datatypeOf[tensor.dtype] };
    if (!isBinary(asked, name))
      return { ...about, data: new TensorText(mixed ? copyOf(tensor) : tensor, true) };
    const bytes = tensorBytes(tensor);
    binary.push(bytes);
    return { ...about, parameters: { binary_data_size: bytes.length } };
  });
  const json = {
    model_name: target.name,
    model_version: result.version,
    ...(asked.id !== undefined && { id: asked.id }),
    ...(seed !== undefined && { parameters: { seed: seedJson(seed) } }),
    outputs: tensors,
  };
  if (seed !== undefined) response.set('Generatrix-Seed', String(seed));
  if (binary.length === 0) return sendJson(context, response, json);
  const head: Uint8Array[] = [];
  for await (const chunk of jsonChunks(context, json)) head.push(chunk);
  const length = head.reduce((sum, chunk) => sum + chunk.length, 0);
  const answer = response.set(jsonLengthHeader, String(length)).type('application/octet-stream');
  return sendBytes(answer, [...head, ...binary]);
}

function copyOf(tensor: HostTensor): HostTensor {
  return { ...tensor, data: tensor.data.slice() } as HostTensor;
}
