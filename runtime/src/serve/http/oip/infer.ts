import type { Request, Response } from 'express';
import type { InputSources } from '../../../model/inputs.ts';
import { randomSeed, type Seed } from '../../../noise/noise.ts';
import { type HostTensor, hostTensor, sizeOf } from '../../../program/tensor.ts';
import { answeredBefore } from '../cache/seeded-answer.ts';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { checkMediaType, validate } from '../json-body.ts';
import { runFor, scopeOf } from '../request-scope.ts';
import { parameter } from '../route.ts';
import { type ProtocolModel, protocolModel } from './names.ts';
import { sendOutputs } from './respond.ts';
import type { InferRequest, inferSchema } from './schemas.ts';
import { fitInput, readTensor } from './tensors.ts';
import { splitBody } from './wire.ts';

/** `POST .../infer`. Every answer of success is 200: stock clients take no other. */
export async function infer(
  context: ServerContext,
  schema: ReturnType<typeof inferSchema>,
  request: Request,
  response: Response,
): Promise<void> {
  const version = parameter(request, 'version') || undefined;
  scopeOf(response).labels = { model: 'unknown', program: 'none' };
  const target = protocolModel(context.engine, parameter(request, 'model'), version);
  scopeOf(response).labels = { model: target.model.name, program: target.program };
  checkMediaType(request, ['application/json', 'application/octet-stream']);
  const { json, binary } = splitBody(request, context.config);
  const asked = validate(schema, json);
  const seeded = asked.parameters?.seed !== undefined;
  if (answeredBefore(context, request, response, { model: target.model, seeded })) return;
  const tensors = readTensors(target, asked, binary);
  const { sources, seed } = sourcesOf(target, asked, tensors, context.config.maxCount);
  const outputs = chosenOutputs(target, asked);
  const timeout = asked.parameters?.timeout;
  const result = await runFor(context, response, {
    model: target.model,
    program: target.program,
    sources,
    ...(timeout ? { timeoutMs: Math.max(1, Math.round(timeout / 1000)) } : {}),
  });
  sendOutputs(response, { target, asked, outputs, result, seed });
}

function readTensors(
  { name, entry }: ProtocolModel,
  { inputs }: InferRequest,
  binary: Uint8Array,
): Map<string, HostTensor> {
  const tensors = new Map<string, HostTensor>();
  let offset = 0;
  for (const wire of inputs) {
    if (!Object.hasOwn(entry.inputs, wire.name)) {
      const known = Object.keys(entry.inputs).join(', ') || 'none';
      throw new HttpError(400, `model ${name} has no input '${wire.name.slice(0, 60)}' (it has: ${known})`);
    }
    if (tensors.has(wire.name)) throw new HttpError(400, `input '${wire.name}' is given twice`);
    if (wire.parameters && 'shared_memory_region' in wire.parameters) {
      throw new HttpError(400, `input '${wire.name}': shared memory is not supported`);
    }
    const size = wire.parameters?.binary_data_size;
    if (size !== undefined && offset + size > binary.length) {
      throw new HttpError(400, `input '${wire.name}': its ${size} bytes go beyond the body's end`);
    }
    const bytes = size === undefined ? undefined : binary.subarray(offset, offset + size);
    offset += size ?? 0;
    tensors.set(wire.name, readTensor(wire, bytes));
  }
  if (offset === binary.length) return tensors;
  throw new HttpError(400, `the body has ${binary.length - offset} bytes more than its inputs say`);
}

/** Tensors by name, scalars among them; noise that is absent comes from the seed. */
function sourcesOf(
  { name, entry }: ProtocolModel,
  { parameters = {} }: InferRequest,
  given: ReadonlyMap<string, HostTensor>,
  maxCount: number,
): { sources: InputSources; seed?: Seed } {
  const tensors: Record<string, HostTensor> = {};
  const scalars: Record<string, number> = {};
  let count = parameters.count;
  let counted = 'parameters.count';
  for (const [input, tensor] of given) {
    const fitted = fitInput(`input '${input}'`, entry.inputs[input]!, tensor);
    if (fitted.kind === 'scalar') {
      scalars[input] = fitted.value;
      continue;
    }
    tensors[input] = fitted.tensor;
    if (count !== undefined && fitted.count !== count) {
      throw new HttpError(400, `input '${input}' has ${fitted.count} rows where ${counted} says ${count}`);
    }
    [count, counted] = [fitted.count, `input '${input}'`];
  }
  const specs = Object.entries(entry.inputs);
  const conditioned = specs.some(([, { role }]) => role === 'data' || role === 'latent');
  for (const [input, { role }] of specs) {
    const needed =
      role === 'data' || role === 'latent' || role === 'condition' || (role === 'label' && conditioned);
    if (needed && !given.has(input)) throw new HttpError(400, `model ${name} needs the input '${input}'`);
  }
  if (count !== undefined && count > maxCount) {
    throw new HttpError(400, `${counted}: expected at most ${maxCount} rows, got ${count}`);
  }
  for (const [input, spec] of specs) {
    if (spec.role !== 'carry' || given.has(input)) continue;
    const shape = [count ?? 1, ...spec.shape];
    tensors[input] = hostTensor(spec.dtype, shape, new Array(sizeOf(shape)).fill(spec.initial));
  }
  const noisy = specs.some(([input, { role }]) => role === 'noise' && !given.has(input));
  const seed = noisy ? (parameters.seed ?? randomSeed()) : undefined;
  const firstIndex = parameters.first_index ?? 0;
  return { sources: { seed: seed ?? 0, firstIndex, count: count ?? 1, scalars, tensors }, seed };
}

/** The outputs asked for, in that order; all when none are named. @throws HttpError 400 for one there is not. */
function chosenOutputs({ name, entry }: ProtocolModel, { outputs }: InferRequest): string[] {
  const known = Object.keys(entry.outputs);
  if (outputs === undefined || outputs.length === 0) return known;
  const names = outputs.map((output) => output.name);
  for (const [i, output] of names.entries()) {
    if (!known.includes(output)) {
      throw new HttpError(
        400,
        `model ${name} has no output '${output.slice(0, 60)}' (it has: ${known.join(', ')})`,
      );
    }
    if (names.indexOf(output) !== i) throw new HttpError(400, `output '${output}' is asked for twice`);
    const parameters = outputs[i]!.parameters ?? {};
    for (const word of ['shared_memory_region', 'classification']) {
      if (parameters[word]) throw new HttpError(400, `output '${output}': ${word} is not supported`);
    }
  }
  return names;
}
