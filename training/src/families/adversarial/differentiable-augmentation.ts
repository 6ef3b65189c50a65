import { tf } from '@generatrix/export';

/** Changes that the discriminator sees images under. */
export const augmentationKinds = ['color', 'translation', 'cutout'] as const;
export type AugmentationKind = (typeof augmentationKinds)[number];

/** Uniform numbers that an example needs: brightness, saturation, contrast, shift down and right, row and column. */
export const augmentationDraws = 7;

/** Share of the side that an image is moved by at most, and that a cut square has (Zhao et al. 2020, section 4). */
const translationShare = 0.125;
const cutoutShare = 0.5;

/**
 * Differentiable augmentation T(x) of Zhao et al. 2020 (arXiv:2006.10738, section 3.2 and appendix B): the
 * discriminator sees T of real and of generated images, and the generator's gradient goes through T, so that neither
 * the changes are learned nor few examples are learned by heart. With x scaled to [-1, 1] and u uniform on [0, 1):
 *
 *   color        x + (u0 - 1/2);  m + 2 u1 (x - m), m the mean of a pixel's channels;
 *                m + (u2 + 1/2) (x - m), m the mean of the image
 *   translation  by a whole number of pixels, up to 1/8 of the side each way, the middle of the range moving in
 *   cutout       a square of half the side, its centre anywhere, set to the middle of the range
 *
 * @param x [batch, h, w, c]
 * @param u [batch, `augmentationDraws`] uniform on [0, 1)
 * @param range of x
 * @returns [batch, h, w, c] in the scale of x; colours may leave its range
 */
export function differentiableAugmentation(
  x: tf.Tensor4D,
  u: tf.Tensor2D,
  kinds: readonly AugmentationKind[],
  [low, high]: readonly [number, number],
): tf.Tensor4D {
  const middle = (low + high) / 2;
  const half = (high - low) / 2;
  const draw = (at: number) => tf.slice(u, [0, at], [x.shape[0], 1]); // [batch, 1]
  let y = tf.sub(x, middle) as tf.Tensor4D; // 0 is the middle of the range
  if (kinds.includes('color')) y = colour(y, [draw(0), draw(1), draw(2)], half);
  if (kinds.includes('translation')) y = translated(y, draw(3), draw(4));
  if (kinds.includes('cutout')) y = cutOut(y, draw(5), draw(6));
  return tf.add(y, middle);
}

function colour(
  y: tf.Tensor4D,
  draws: readonly [tf.Tensor, tf.Tensor, tf.Tensor],
  half: number,
): tf.Tensor4D {
  const [brightness, saturation, contrast] = draws.map((u) => tf.reshape(u, [-1, 1, 1, 1])) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const bright = tf.add(y, tf.mul(half, tf.sub(brightness, 0.5)));
  const grey = tf.mean(bright, 3, true);
  const saturated = tf.add(grey, tf.mul(tf.mul(2, saturation), tf.sub(bright, grey)));
  const mean = tf.mean(saturated, [1, 2, 3], true);
  return tf.add(mean, tf.mul(tf.add(contrast, 0.5), tf.sub(saturated, mean)));
}

function translated(y: tf.Tensor4D, down: tf.Tensor, right: tf.Tensor): tf.Tensor4D {
  const [batch, height, width, channels] = y.shape;
  const rows = tf.reshape(y, [batch, height, width * channels]) as tf.Tensor3D;
  const moved = tf.reshape(tf.matMul(shiftMatrix(down, height), rows), [batch, height, width, channels]);
  const columns = tf.reshape(tf.transpose(moved, [0, 2, 1, 3]), [batch, width, height * channels]);
  const both = tf.matMul(shiftMatrix(right, width), columns as tf.Tensor3D);
  return tf.transpose(tf.reshape(both, [batch, width, height, channels]), [0, 2, 1, 3]) as tf.Tensor4D;
}

/** [batch, size, size] matrices that move a vector by a whole number, from -size/8 to size/8, and fill up with 0. */
function shiftMatrix(u: tf.Tensor, size: number): tf.Tensor3D {
  const most = Math.floor(size * translationShare + 0.5);
  const shift = tf.reshape(tf.sub(tf.floor(tf.mul(u, 2 * most + 1)), most), [-1, 1, 1]);
  const to = tf.reshape(positions(size), [1, size, 1]);
  const from = tf.reshape(positions(size), [1, 1, size]);
  return tf.cast(tf.equal(tf.sub(to, shift), from), 'float32') as tf.Tensor3D;
}

function cutOut(y: tf.Tensor4D, row: tf.Tensor, column: tf.Tensor): tf.Tensor4D {
  const [, height, width] = y.shape;
  const rows = tf.reshape(within(row, height), [-1, height, 1, 1]);
  const columns = tf.reshape(within(column, width), [-1, 1, width, 1]);
  return tf.mul(y, tf.sub(1, tf.mul(rows, columns)));
}

/** [batch, size] 1 where a position lies in a stretch of half the size about a random one, which may stick out. */
function within(u: tf.Tensor, size: number): tf.Tensor {
  const length = Math.floor(size * cutoutShare + 0.5);
  // An even stretch has as many places on either side only if it may be centred one beyond the last pixel.
  const centre = tf.floor(tf.mul(u, size + (1 - (length % 2))));
  const offset = tf.sub(tf.reshape(positions(size), [1, size]), tf.sub(centre, Math.floor(length / 2)));
  const inside = tf.logicalAnd(tf.greaterEqual(offset, 0), tf.less(offset, length));
  return tf.cast(inside, 'float32');
}

function positions(size: number): tf.Tensor1D {
  return tf.tensor1d(Array.from({ length: size }, (_, i) => i));
}
