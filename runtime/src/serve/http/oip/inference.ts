import type { InputSources } from '../../../model/inputs.ts';
import { randomSeed, type Seed } from '../../../noise/noise.ts';
import { type HostTensor, hostTensor, sizeOf } from '../../../program/tensor.ts';
import { HttpError } from '../http-error.ts';
import type { ProtocolModel } from './names.ts';
import type { InferRequest, WireInput } from './schemas.ts';
import { fitInput, readTensor } from './tensors.ts';

/** The bytes of an input, little-endian, where they stand outside its description; undefined where they do not. */
export type TensorBytes = (wire: WireInput, index: number) => Uint8Array | undefined;

/** A request of the protocol, checked, whatever it came by. */
export interface Inference {
  readonly target: ProtocolModel;
  readonly asked: InferRequest;
  readonly sources: InputSources;
  /** Of noise that is drawn. */
  readonly seed: Seed | undefined;
  /** Names, in order. */
  readonly outputs: readonly string[];
  /** What the client allows, milliseconds. */
  readonly timeoutMs?: number;
}

/**
 * Checks a request against the program that it names.
 * @param maxCount rows that one request may ask for
 * @throws HttpError 400.
 */
export function prepareInference(
  target: ProtocolModel,
  asked: InferRequest,
  { bytesOf, maxCount }: { readonly bytesOf: TensorBytes; readonly maxCount: number },
): Inference {
  const tensors = readTensors(target, asked, bytesOf);
  const { sources, seed } = sourcesOf(target, asked, tensors, maxCount);
  const outputs = chosenOutputs(target, asked);
  const timeout = asked.parameters?.timeout;
  const limit = timeout ? { timeoutMs: Math.max(1, Math.round(timeout / 1000)) } : {};
  return { target, asked, sources, seed, outputs, ...limit };
}

function readTensors(
  { name, entry }: ProtocolModel,
  { inputs, parameters }: InferRequest,
  bytesOf: TensorBytes,
): Map<string, HostTensor> {
  const tensors = new Map<string, HostTensor>();
  const cast = parameters?.cast ?? false;
  for (const [index, wire] of inputs.entries()) {
    if (!Object.hasOwn(entry.inputs, wire.name)) {
      const known = Object.keys(entry.inputs).join(', ') || 'none';
      throw new HttpError(400, `model ${name} has no input '${wire.name.slice(0, 60)}' (it has: ${known})`);
    }
    if (tensors.has(wire.name)) throw new HttpError(400, `input '${wire.name}' is given twice`);
    if (wire.parameters && 'shared_memory_region' in wire.parameters) {
      throw new HttpError(400, `input '${wire.name}': shared memory is not supported`);
    }
    const { dtype } = entry.inputs[wire.name]!;
    tensors.set(wire.name, readTensor(wire, bytesOf(wire, index), { dtype, cast }));
  }
  return tensors;
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
