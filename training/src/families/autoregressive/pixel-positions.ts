import { tf } from '@generatrix/export';
import { z } from 'zod';
import type { StateSpec } from '../../model/state.ts';

/** What a network over pixels knows of where a pixel is. */
export const positionsOption = z
  .enum(['learned', 'none'])
  .default('learned')
  .describe('what the first layer knows of where a pixel is: a learned bias of each position, or nothing');
export type Positions = z.infer<typeof positionsOption>;

interface Size {
  readonly height: number;
  readonly width: number;
}

/** A bias for each position of an image: [h, w, channels], zeros at first. */
export function positionSpec({ height, width }: Size, channels: number): StateSpec {
  return { shape: [height, width, channels], initial: 0 };
}

/**
 * The biases of each example's row, [batch, 1, w, C].
 * @param biases of all positions, [h, w, C]
 * @param row number of the row in each example, [batch], whole numbers from 0
 */
export function biasesOfRow(biases: tf.Tensor, row: tf.Tensor): tf.Tensor {
  const [height, width, channels] = biases.shape as [number, number, number];
  const numbers = tf.tensor1d(Float32Array.from({ length: height }, (_, i) => i));
  const chosen = tf.cast(tf.equal(tf.expandDims(row, 1), numbers), 'float32') as tf.Tensor2D; // [batch, h]
  const rows = tf.reshape(biases, [height, width * channels]) as tf.Tensor2D;
  return tf.reshape(tf.matMul(chosen, rows), [-1, 1, width, channels]);
}
