import type { Response } from 'express';
import type { RunResult } from '../../engine/engine.ts';
import { seedJson } from '../seed.ts';
import type { Inference } from './inference.ts';
import { datatypeOf, tensorBytes, tensorValues } from './tensors.ts';
import { jsonLengthHeader } from './wire.ts';

/** Answers an inference: JSON, and after it the bytes of the outputs that are wanted so. */
export function sendOutputs(
  response: Response,
  { target, asked, outputs, seed }: Inference,
  result: RunResult,
): void {
  const all = asked.parameters?.binary_data_output ?? false;
  const binary: Uint8Array[] = [];
  const tensors = outputs.map((name) => {
    const tensor = result.outputs[name]!;
    const wanted = asked.outputs?.find((output) => output.name === name)?.parameters?.binary_data ?? all;
    const about = { name, shape: tensor.shape, datatype: datatypeOf[tensor.dtype] };
    if (!wanted) return { ...about, data: tensorValues(tensor) };
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
  if (binary.length === 0) {
    response.json(json);
    return;
  }
  const head = Buffer.from(JSON.stringify(json));
  response
    .set(jsonLengthHeader, String(head.length))
    .type('application/octet-stream')
    .send(Buffer.concat([head, ...binary]));
}
