import { type NamedTensors, tf } from '@generatrix/export';
import type { DataSpec, InputSpec } from '@generatrix/runtime/core';
import { fromData } from '../../core/data-scale.ts';

/** What a completion holds of an image: the pixels of the first rows, at any amount of noise. */
export interface Held {
  /** x with the known pixels in the place of its own: both [batch, ...shape], in the network's scale. */
  hold(x: tf.Tensor, known: tf.Tensor, inputs: NamedTensors): tf.Tensor;
  /** The image that is given, in the network's scale. */
  given(state: NamedTensors, inputs: NamedTensors): tf.Tensor;
  /** The image that is given where it is known, to the bit, and what was drawn elsewhere; in the data's range. */
  finished(drawn: tf.Tensor, inputs: NamedTensors): tf.Tensor;
  readonly inputs: Readonly<Record<string, InputSpec>>;
}

/**
 * Completion by putting what is known in its place before every step, with as much noise as the step expects (Song et
 * al. 2021b, arXiv:2011.13456, appendix I.2; Lugmayr et al. 2022, arXiv:2201.09865, eq. 8, without their resampling).
 * The network is not told which pixels are known, so that a border may show; more steps help.
 */
export function heldRows(spec: DataSpec & { readonly kind: 'image' }): Held {
  const [height, width, channels] = spec.shape;
  const row = Array.from({ length: height * width * channels }, (_, i) => Math.floor(i / (width * channels)));
  const isKnown = ({ rows }: NamedTensors) => tf.less(tf.tensor(row, [1, height, width, channels]), rows!);
  return {
    hold: (x, known, inputs) => tf.where(isKnown(inputs), known, x),
    given: (state, { given }) => fromData(state, given!, spec),
    finished: (drawn, inputs) => tf.where(isKnown(inputs), inputs.given!, drawn),
    inputs: {
      given: { dtype: 'float32', shape: [...spec.shape], role: 'data' },
      rows: {
        ...{ dtype: 'float32', shape: [], role: 'scalar', min: 0, max: height },
        default: Math.floor(height / 2),
      },
    },
  };
}
