import type { tf } from '../../tfjs.mjs';

/** What a kernel is called with, its tensors and settings in the types that the caller knows. */
export interface Call<A> {
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  readonly attrs: A;
  readonly read: (x: tf.TensorInfo) => ArrayLike<number>;
  readonly write: (values: ArrayLike<number>, shape: readonly number[], dtype: tf.DataType) => tf.TensorInfo;
  /** Where the windows of a pooling in three dimensions lie. */
  readonly pooled: (
    shape: [number, number, number, number, number],
    attrs: tf.MaxPool3DGradAttrs,
  ) => ReturnType<typeof tf.backend_util.computePool3DInfo>;
  /** tfjs's own kernel, with other inputs or settings where given; its first output. */
  readonly own: (changes?: Changes) => tf.TensorInfo;
  /** As `own`, for kernels of several outputs. */
  readonly ownAll: (changes?: Changes) => readonly tf.TensorInfo[];
}

interface Changes {
  readonly inputs?: Readonly<Record<string, tf.TensorInfo>>;
  readonly attrs?: object;
}

/** A kernel that stands in for tfjs's own. */
export type Corrected = (call: Call<never>) => tf.TensorInfo | tf.TensorInfo[];
