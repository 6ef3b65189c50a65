import {
  type ChainSpec,
  chainScalars,
  fillInputs,
  fillNoise,
  type HostTensor,
  hostTensor,
  type InputSpec,
  type OutputSpec,
  type ProgramSignature,
} from '@generatrix/runtime/core';
import { tf } from '../tf.ts';
import type { ExportedProgram } from './program.ts';

/**
 * Inputs that exercise a program: noise by its distribution, codes and conditions drawn from a normal, tokens at random, carries as if calls had gone
 * before (uniform on [-1, 1]), and examples, of which a program that takes a part of one gets the first part. Of a chain
 * they take the first two steps, or the second.
 * @param examples [batch, ...shape]
 */
export function referenceInputs(
  name: string,
  { inputs, chain }: Pick<ProgramSignature, 'inputs' | 'chain'>,
  examples: HostTensor,
  seed: number,
): Record<string, HostTensor> {
  const count = examples.shape[0]!;
  const specs = Object.entries(inputs);
  const noise = (input: string, distribution: 'normal' | 'uniform', shape: readonly number[]) =>
    fillNoise({ distribution, seed, stream: `${name}/${input}`, firstIndex: 0, count, shape });
  const ofRole = <R extends InputSpec['role']>(role: R) =>
    specs.find(([, spec]) => spec.role === role)?.[1] as (InputSpec & { role: R }) | undefined;
  const [latent, data] = [ofRole('latent'), ofRole('data')];
  const carries = specs.flatMap(([input, { role, dtype, shape }]) => {
    if (role !== 'carry') return [];
    const values = noise(input, 'uniform', shape).map((u) => 2 * u - 1);
    return [[input, hostTensor(dtype, [count, ...shape], values)]];
  });
  const conditions = specs.flatMap(([input, spec]) => {
    if (spec.role !== 'condition') return [];
    const { dtype, shape, tokens = 1 } = spec;
    const values =
      dtype === 'int32'
        ? noise(input, 'uniform', shape).map((u) => Math.min(tokens - 1, Math.floor(u * tokens)))
        : noise(input, 'normal', shape);
    return [[input, hostTensor(dtype, [count, ...shape], values)]];
  });
  return fillInputs(name, inputs, {
    seed,
    firstIndex: 0,
    count,
    ...(data === undefined ? {} : { data: firstPart(examples, data.shape) }),
    ...(latent === undefined
      ? {}
      : { latent: hostTensor('float32', [count, ...latent.shape], noise('latent', 'normal', latent.shape)) }),
    conditions: Object.fromEntries(conditions) as Record<string, HostTensor>,
    carries: Object.fromEntries(carries) as Record<string, HostTensor>,
    ...(chain && { scalars: referenceSteps(chain) }),
  });
}

/**
 * Steps of a chain that a reference has: its start and one more, or that one alone where a call takes no more. After many,
 * a draw that falls on the other side of a threshold by rounding alone would have led elsewhere.
 */
function referenceSteps({ steps, stepsPerCall }: ChainSpec): Record<string, number> {
  const to = Math.min(2, steps);
  return { [chainScalars.from]: Math.max(0, to - stepsPerCall), [chainScalars.to]: to };
}

/** The first part of every example along its first axis: [batch, ...] to [batch, ...shape], zeros past the end. */
function firstPart(examples: HostTensor, shape: readonly number[]): HostTensor {
  const [count, ...whole] = examples.shape as [number, ...number[]];
  if (String(whole) === String(shape)) return examples;
  const [from, to] = [examples.data.length / count, shape.reduce((a, b) => a * b, 1)];
  const values = Float32Array.from({ length: count * to }, (_, i) =>
    i % to < from ? examples.data[Math.floor(i / to) * from + (i % to)]! : 0,
  );
  return hostTensor('float32', [count, ...shape], values);
}

/** Runs `body` on tfjs's own CPU backend, whatever backend is in use, and frees the tensors that it made. */
export function onEagerCpu<T>(body: () => T): T {
  const previous = tf.getBackend();
  // The CPU backend is made synchronously, so it is active when the call returns.
  void tf.setBackend('cpu');
  tf.engine().startScope();
  try {
    return body();
  } finally {
    tf.engine().endScope();
    if (previous !== undefined && previous !== 'cpu') void tf.setBackend(previous);
  }
}

/** Host tensors as tensors of the backend in use. */
export function toTensors(inputs: Readonly<Record<string, HostTensor>>): Record<string, tf.Tensor> {
  const tensors = Object.entries(inputs).map(([name, { data, shape, dtype }]) => [
    name,
    tf.tensor(data, [...shape], dtype),
  ]);
  return Object.fromEntries(tensors) as Record<string, tf.Tensor>;
}

/** Runs a program eagerly on tfjs' own CPU backend. */
export function runEagerly(
  { run, signature }: ExportedProgram,
  inputs: Readonly<Record<string, HostTensor>>,
): Record<string, HostTensor> {
  return onEagerCpu(() => {
    const outputs = Object.entries(run(toTensors(inputs))).map(([name, tensor]) => {
      const { dtype } = signature.outputs[name] as OutputSpec;
      return [name, hostTensor(dtype, tensor.shape, tensor.dataSync())];
    });
    return Object.fromEntries(outputs) as Record<string, HostTensor>;
  });
}
