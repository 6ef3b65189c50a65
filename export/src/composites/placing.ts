import { tf } from '../tf.ts';
import { composite } from './composite.ts';

/** What puts values into larger tensors. */
export const placingComposites: Record<string, tf.KernelFunc> = {
  Diag: composite(({ x }) => {
    const flat = tf.reshape(x!, [x!.size]);
    const places = tf.range(0, x!.size, 1, 'int32');
    const onDiagonal = tf.equal(tf.expandDims(places, 1), places);
    return tf.reshape(tf.where(onDiagonal, flat, tf.zerosLike(flat)), [...x!.shape, ...x!.shape]);
  }),

  SparseToDense: composite(
    ({ sparseIndices, sparseValues, defaultValue }, { outputShape }: tf.SparseToDenseAttrs) => {
      const depth = sparseIndices!.rank < 2 ? 1 : sparseIndices!.shape[1]!;
      const indices = tf.reshape(sparseIndices!, [-1, depth]);
      const values = tf.broadcastTo(sparseValues!, [indices.shape[0]!, ...outputShape.slice(depth)]);
      return tf.tensorScatterUpdate(tf.broadcastTo(defaultValue!, outputShape), indices, values);
    },
  ),
};
