import { fillNoise, type HostTensor, hostTensor, type InputSpec } from '@generatrix/runtime/core';
import type { Dataset } from '../data/dataset.ts';
import type { Trainer } from '../engine/engine.ts';
import type { Model } from '../families/family.ts';

const evaluationBatch = 100;

/** Seed of evaluation noise while training: fixed, so that two evaluations differ by the model alone. */
const evaluationSeed = 42;

/**
 * Mean log-likelihood (or its lower bound) of the first held-out examples, in nats, and null when the model has
 * no density.
 */
export async function heldOutScore(
  trainer: Trainer,
  model: Model,
  dataset: Dataset,
  limit: number,
): Promise<number | null> {
  const name = ['logProb', 'logWeight'].find((program) => program in model.programs);
  if (name === undefined) return null;
  const batch = Math.min(evaluationBatch, dataset.size);
  const batches = Math.max(1, Math.floor(Math.min(limit, dataset.size) / batch));
  let total = 0;
  for (let i = 0; i < batches; i++) {
    const indices = Int32Array.from({ length: batch }, (_, j) => i * batch + j);
    const labels = Int32Array.from(indices, (index) => dataset.labels?.[index] ?? 0);
    const inputs = programInputs(name, model.programs[name]!.signature.inputs, {
      seed: evaluationSeed,
      firstIndex: i * batch,
      count: batch,
      data: dataset.gather(indices),
      labels,
    });
    const outputs = await trainer.run(name, inputs);
    for (const value of outputs[name]!.data) total += value;
  }
  return total / (batches * batch);
}

/** Samples with the noise of `evaluationSeed`: labelled programs get the classes in turn. */
export async function sampleWhileTraining(
  trainer: Trainer,
  model: Model,
  count: number,
): Promise<HostTensor | null> {
  const program = model.programs.sample;
  if (program === undefined) return null;
  const inputs = programInputs('sample', program.signature.inputs, {
    seed: evaluationSeed,
    firstIndex: 0,
    count,
  });
  return (await trainer.run('sample', inputs)).data!;
}

/** What fills a program's inputs. */
export interface InputSources {
  readonly seed: number;
  readonly firstIndex: number;
  readonly count: number;
  readonly draw?: number;
  readonly data?: HostTensor;
  readonly latent?: HostTensor;
  readonly labels?: Int32Array;
}

/**
 * Fills a program's inputs by their roles, exactly as the runtime's sampler does for the exported program: noise
 * from the stream `PROGRAM/INPUT`, labels in turn, scalars at their defaults.
 */
export function programInputs(
  program: string,
  inputs: Readonly<Record<string, InputSpec>>,
  sources: InputSources,
): Record<string, HostTensor> {
  const { seed, firstIndex, count, draw } = sources;
  const fill = (name: string, spec: InputSpec): HostTensor => {
    switch (spec.role) {
      case 'noise': {
        const { law, shape } = spec;
        const key = {
          seed,
          stream: `${program}/${name}`,
          firstIndex,
          count,
          ...(draw === undefined ? {} : { draw }),
        };
        return hostTensor('float32', [count, ...shape], fillNoise({ law, shape, ...key }));
      }
      case 'label':
        return hostTensor(
          'int32',
          [count],
          sources.labels ?? Int32Array.from({ length: count }, (_, i) => (firstIndex + i) % spec.classes),
        );
      case 'scalar':
        return hostTensor(spec.dtype, [], [spec.default]);
      case 'data':
      case 'latent': {
        const given = sources[spec.role];
        if (given === undefined) throw new Error(`program ${program}: input '${name}' needs ${spec.role}`);
        return given;
      }
    }
  };
  return Object.fromEntries(Object.entries(inputs).map(([name, spec]) => [name, fill(name, spec)]));
}
