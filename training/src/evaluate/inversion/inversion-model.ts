import { type NamedTensors, tf } from '@generatrix/export';
import { gradientModel } from '../../core/gradient-model.ts';
import { lossAndGradients } from '../../core/gradients.ts';
import type { Model } from '../../model/model.ts';
import { settleTraining } from '../../model/training-options.ts';
import type { Generator } from './generator.ts';

/**
 * A model whose only parameters are the codes `z` of one batch, and whose step descends on the error of G(z). Codes of a
 * uniform prior are logistic functions of z, so that they stay in (0, 1). Programs: `generate` makes examples of given
 * z; `residual` is the error [batch] and the reconstruction for the z of the state, `slope` the gradient [batch, ...latent].
 * @param weights the trained state, which becomes constants
 * @param dataShape [batch, ...shape]
 */
export function inversionModel(
  generator: Generator,
  weights: NamedTensors,
  dataShape: readonly number[],
): Model {
  const [count, ...shape] = dataShape as [number, ...number[]];
  const parameters = { z: { shape: [count, ...generator.latentShape], initial: 0 } };
  const generate = (z: tf.Tensor, label: tf.Tensor): tf.Tensor => {
    const codes = generator.distribution === 'uniform' ? tf.sigmoid(z) : z;
    const inputs = {
      [generator.latent]: codes,
      ...(generator.label === null ? {} : { [generator.label]: label }),
    };
    return generator.program.run(weights, inputs)[generator.data]!; // [batch, ...shape]
  };
  const residual = (z: tf.Tensor, data: tf.Tensor, label: tf.Tensor) => {
    const reconstruction = generate(z, label);
    const squares = tf.reshape(tf.squaredDifference(reconstruction, data), [count, -1]);
    return { reconstruction, error: tf.mean(squares, 1) }; // [batch]
  };
  /** Of the sum over examples, so that each code's gradient is its own, whatever the batch. */
  const descend = (state: NamedTensors, data: tf.Tensor, label: tf.Tensor) =>
    lossAndGradients(state, parameters, (current) => ({
      loss: tf.sum(residual(current.z!, data, label).error),
    }));
  const label = { dtype: 'int32', shape: [], role: 'label', classes: 1 } as const;
  const inputs = { data: { dtype: 'float32', shape, role: 'data' }, label } as const;
  const other = { dtype: 'float32', meaning: 'other' } as const;
  const latent = { dtype: 'float32', shape: generator.latentShape, role: 'latent' } as const;
  const made = { dtype: 'float32', shape, meaning: 'data' } as const;
  return gradientModel({
    parameters,
    gradients: (state, { data, label }) => descend(state, data, label),
    programs: {
      generate: {
        signature: { inputs: { z: latent, label }, outputs: { made } },
        run: (_, { z, label }) => ({ made: generate(z!, label!) }),
      },
      residual: {
        signature: { inputs, outputs: { error: { ...other, shape: [] }, reconstruction: made } },
        run: (state, { data, label }) => residual(state.z!, data!, label!),
      },
      slope: {
        signature: { inputs, outputs: { gradient: { ...other, shape: generator.latentShape } } },
        run: (state, { data, label }) => ({ gradient: descend(state, data!, label!).gradients.z! }),
      },
    },
  }).compose(settleTraining({}, {}));
}
