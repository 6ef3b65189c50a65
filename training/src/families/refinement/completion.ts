import { type NamedTensors, tf } from '@generatrix/export';
import type { DataSpec, InputSpec } from '@generatrix/runtime/core';
import { fromData } from '../../core/data-scale.ts';

/** What a call of a completion is given, by the names of `inputs` and `carries`. */
export interface Given {
  readonly inputs: NamedTensors;
  readonly carries: NamedTensors;
}

/** What a completion holds of an image, and how it begins. */
export interface Completion {
  /** x with the known pixels in the place of its own: both [batch, ...shape], in the network's scale. */
  hold(x: tf.Tensor, known: tf.Tensor, given: Given): tf.Tensor;
  /** The image that is given, in the network's scale. */
  image(state: NamedTensors, given: Given): tf.Tensor;
  /** Scalar in [0, 1]: share of the way from data to noise at which it begins; 1 begins with noise alone. */
  strength(given: Given): tf.Tensor;
  /** The image that is given where it is known, to the bit, and what was drawn elsewhere; in the data's range. */
  finished(drawn: tf.Tensor, given: Given): tf.Tensor;
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /** What is known besides the first rows: 1 where a pixel is; a caller gives it to the first call. */
  readonly carries: { readonly held: readonly number[] };
}

/**
 * Completion by putting what is known in its place before every step, with as much noise as the step expects (Song et
 * al. 2021b, arXiv:2011.13456, appendix I.2; Lugmayr et al. 2022, arXiv:2201.09865, eq. 8, without their resampling).
 * The network is not told which pixels are known, so that a border may show; more steps help. What is not known starts
 * from noise, or, with a strength below 1, from the image with less noise than that (SDEdit, Meng et al. 2022,
 * arXiv:2108.01073, algorithm 1).
 */
export function completion(spec: DataSpec & { readonly kind: 'image' }): Completion {
  const [height, width] = spec.shape;
  const isKnown = ({ inputs, carries }: Given) => {
    const row = tf.reshape(tf.range(0, height), [1, height, 1, 1]);
    return tf.logicalOr(tf.less(row, inputs.rows!), tf.greater(carries.held!, 0.5)); // [batch, height, width, 1]
  };
  return {
    hold: (x, known, given) => tf.where(isKnown(given), known, x),
    image: (state, { inputs }) => fromData(state, inputs.given!, spec),
    strength: ({ inputs }) => inputs.strength!,
    finished: (drawn, given) => tf.where(isKnown(given), given.inputs.given!, drawn),
    inputs: {
      given: { dtype: 'float32', shape: [...spec.shape], role: 'data' },
      rows: {
        ...{ dtype: 'float32', shape: [], role: 'scalar', min: 0, max: height },
        default: Math.floor(height / 2),
      },
      strength: { dtype: 'float32', shape: [], role: 'scalar', min: 0, max: 1, default: 1 },
    },
    carries: { held: [height, width, 1] },
  };
}
