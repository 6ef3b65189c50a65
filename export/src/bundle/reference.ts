import {
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
 * Inputs that exercise a program: noise by its law, codes drawn from a normal, carries as if calls had gone before
 * (uniform on [-1, 1]), and examples, of which a program that takes a part of one gets the first part.
 * @param examples [batch, ...shape]
 */
export function referenceInputs(
  name: string,
  { inputs }: Pick<ProgramSignature, 'inputs'>,
  examples: HostTensor,
  seed: number,
): Record<string, HostTensor> {
  const count = examples.shape[0]!;
  const specs = Object.entries(inputs);
  const noise = (input: string, law: 'normal' | 'uniform', shape: readonly number[]) =>
    fillNoise({ law, seed, stream: `${name}/${input}`, firstIndex: 0, count, shape });
  const ofRole = <R extends InputSpec['role']>(role: R) =>
    specs.find(([, spec]) => spec.role === role)?.[1] as (InputSpec & { role: R }) | undefined;
  const [latent, data] = [ofRole('latent'), ofRole('data')];
  const carries = specs.flatMap(([input, { role, dtype, shape }]) => {
    if (role !== 'carry') return [];
    const values = noise(input, 'uniform', shape).map((u) => 2 * u - 1);
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
    carries: Object.fromEntries(carries) as Record<string, HostTensor>,
  });
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

/** Runs a program eagerly on tfjs' own CPU backend. */
export async function runEagerly(
  { run, signature }: ExportedProgram,
  inputs: Record<string, HostTensor>,
): Promise<Record<string, HostTensor>> {
  const previous = tf.getBackend();
  await tf.setBackend('cpu');
  const outputs = tf.tidy(() => {
    const tensors = Object.entries(inputs).map(([name, { data, shape, dtype }]) => [
      name,
      tf.tensor(data, [...shape], dtype),
    ]);
    return run(Object.fromEntries(tensors));
  });
  const host: Record<string, HostTensor> = {};
  for (const [name, tensor] of Object.entries(outputs)) {
    host[name] = hostTensor((signature.outputs[name] as OutputSpec).dtype, tensor.shape, tensor.dataSync());
  }
  tf.dispose(outputs);
  if (previous !== undefined && previous !== 'cpu') await tf.setBackend(previous);
  return host;
}
