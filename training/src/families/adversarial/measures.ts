import { type NamedTensors, tf } from '@generatrix/export';
import type { Game } from './game.ts';
import { saturation } from './losses.ts';
import type { Judgement } from './networks.ts';

/** The share of real examples whose class the auxiliary classifier names. */
export function auxiliaryAccuracy(
  { settings }: Game,
  classes: tf.Tensor | undefined,
  real: Judgement,
): NamedTensors {
  if (settings.auxiliary === 0) return {};
  const right = tf.equal(tf.argMax(real.classLogits!, 1), tf.argMax(classes!, 1));
  return { classAccuracy: tf.mean(tf.cast(right, 'float32')) };
}

/** Means of the discriminator's outputs: probabilities where it has them. */
export function scores({ loss }: Game, real: Judgement, fake: Judgement): NamedTensors {
  const score = (logits: tf.Tensor) => tf.mean(loss.probability ? tf.sigmoid(logits) : logits);
  return {
    realScore: score(real.logits),
    fakeScore: score(fake.logits),
    ...(loss.probability ? { saturation: saturation(real.logits, fake.logits) } : {}),
  };
}

/** The sum of scalars, at least one. */
export function sum(terms: readonly tf.Tensor[]): tf.Scalar {
  return terms.slice(1).reduce<tf.Tensor>((total, term) => tf.add(total, term), terms[0]!) as tf.Scalar;
}
