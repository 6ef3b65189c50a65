import { type NamedTensors, tf } from '@generatrix/export';
import type { DataSpec, InputSpec, OutputSpec } from '@generatrix/runtime/core';
import type { ModelProgram } from '../../model/model.ts';
import { oneHot } from '../../nn/one-hot.ts';
import type { Judgement } from './networks.ts';

/** What the programs are made of. */
export interface ProgramParts {
  readonly latent: number;
  /** Number of classes to condition on; 0 for none. */
  readonly classes: number;
  readonly spec: DataSpec;
  /** 2 where a sample is a pair. */
  readonly domains: number;
  /** One tensor for each domain, in the data's shape and range. */
  generate(state: NamedTensors, z: tf.Tensor, label: tf.Tensor | undefined): tf.Tensor[];
  /** Null where a judgement is not of one example alone. */
  readonly judge: ((state: NamedTensors, x: tf.Tensor, label: tf.Tensor | undefined) => Judgement) | null;
  readonly auxiliary: boolean;
}

/**
 * `sample`: noise (and a class) to data. `decode`: the same from a latent code. `discriminate`: data (and a class)
 * to the discriminator's output before any sigmoid, larger for what it takes for real. `classify`, with an auxiliary
 * classifier: data to the class it names. With a second domain, `paired` is the counterpart of `data`.
 */
export function adversarialPrograms(parts: ProgramParts): Record<string, ModelProgram> {
  const { latent, classes, judge, auxiliary } = parts;
  const shape = [...parts.spec.shape];
  const label: Record<string, InputSpec> =
    classes > 0 ? { label: { dtype: 'int32', shape: [], role: 'label', classes } } : {};
  const data: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const noise: InputSpec = { dtype: 'float32', shape: [latent], role: 'noise', distribution: 'normal' };
  const code: InputSpec = { dtype: 'float32', shape: [latent], role: 'latent' };
  const image: OutputSpec = { dtype: 'float32', shape, meaning: 'data' };
  const score: OutputSpec = { dtype: 'float32', shape: [], meaning: 'other' };
  const classOf = (label: tf.Tensor | undefined) =>
    label === undefined ? undefined : oneHot(label, classes);
  const outputs: Record<string, OutputSpec> =
    parts.domains === 2 ? { data: image, paired: image } : { data: image };
  const generate = (state: NamedTensors, z: tf.Tensor, label: tf.Tensor | undefined) => {
    const [first, second] = parts.generate(state, z, classOf(label));
    return { data: first!, ...(second === undefined ? {} : { paired: second }) };
  };
  return {
    sample: {
      signature: { inputs: { z: noise, ...label }, outputs },
      run: (state, inputs) => generate(state, inputs.z!, inputs.label),
    },
    decode: {
      signature: { inputs: { latent: code, ...label }, outputs },
      run: (state, inputs) => generate(state, inputs.latent!, inputs.label),
    },
    ...(judge === null ? {} : judging(judge)),
  };

  function judging(judged: NonNullable<ProgramParts['judge']>): Record<string, ModelProgram> {
    // An auxiliary classifier is not told the class.
    const told = auxiliary ? {} : label;
    return {
      discriminate: {
        signature: { inputs: { data, ...told }, outputs: { score } },
        run: (state, inputs) => ({ score: judged(state, inputs.data!, classOf(inputs.label)).logits }),
      },
      ...(auxiliary
        ? {
            classify: {
              signature: {
                inputs: { data },
                outputs: { label: { dtype: 'int32', shape: [], meaning: 'label' } },
              },
              run: (state: NamedTensors, inputs: NamedTensors) => ({
                label: tf.argMax(judged(state, inputs.data!, undefined).classLogits!, 1),
              }),
            },
          }
        : {}),
    };
  }
}
