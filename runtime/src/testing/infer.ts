import { expect } from 'vitest';
import { fillNoise } from '../noise/noise.ts';

/** Parts of requests that the tests of the Open Inference Protocol share. */

/** Address of a model's inference. */
export const infer = (model = 'points') => `/v2/models/${model}/infer`;
/** Noise of two samples of seed 9, and the same as the protocol's input. */
export const z = fillNoise({
  distribution: 'normal',
  seed: 9,
  stream: 'sample/z',
  firstIndex: 0,
  count: 2,
  shape: [3],
});
export const zInput = { name: 'z', shape: [2, 3], datatype: 'FP32', data: [...z] };
/** Their classes. */
export const labelInput = { name: 'label', shape: [2], datatype: 'INT32', data: [1, 0] };

interface Output {
  name: string;
  shape: number[];
  datatype: string;
  data?: unknown[];
  parameters?: { binary_data_size: number };
}
/** An answer. */
export interface Inferred {
  model_name: string;
  model_version: string;
  id?: string;
  parameters?: Record<string, unknown>;
  outputs: Output[];
}

/** Numbers of JSON, in lists and objects, as the float32 that they name. */
export function float32s<T>(value: T): T {
  if (typeof value === 'number') return Math.fround(value) as T;
  if (Array.isArray(value)) return value.map(float32s) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, float32s(each)])) as T;
}

/** The body of an answer of success, FP32 read as such. */
export async function inferred(response: Response): Promise<Inferred> {
  const body = (await response.json()) as Inferred;
  expect(response.status, JSON.stringify(body)).toBe(200);
  const outputs = body.outputs?.map((output) =>
    output.datatype === 'FP32' && output.data ? { ...output, data: float32s(output.data) } : output,
  );
  return { ...body, outputs };
}

/** A body of the binary extension. */
export function binaryBody(
  json: object,
  ...tensors: Uint8Array[]
): { body: Uint8Array<ArrayBuffer>; headers: Record<string, string> } {
  const head = Buffer.from(JSON.stringify(json));
  const body = new Uint8Array(Buffer.concat([head, ...tensors]));
  return { body, headers: { 'Inference-Header-Content-Length': String(head.length) } };
}

/** Bytes, little-endian. */
export const bytesOf = (values: Float32Array | Int32Array | BigInt64Array) => new Uint8Array(values.buffer);
