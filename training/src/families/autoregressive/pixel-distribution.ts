import { type NamedTensors, tf } from '@generatrix/export';
import { type Bounds, type ForcedDraw, mapBounds } from '../../nn/inversion.ts';
import {
  logisticMixtureDraw,
  logisticMixtureForced,
  logisticMixtureLogProb,
  logisticMixtureWidth,
} from '../../nn/logistic-mixture.ts';
import type { Emission } from './emission.ts';

/** The distribution of one pixel, its channels together, given the numbers that a network puts out for it. */
export interface PixelDistribution {
  readonly channels: number;
  /** Numbers for each pixel: C. */
  readonly width: number;
  /** Noise that a draw takes for each channel of each pixel, by name. */
  readonly noise: Emission['noise'];
  /** log p(x | parameters), pixel by pixel: [batch, P, channels] and [batch, P, C] to [batch, P]. Nats. */
  logProb(x: tf.Tensor, parameters: tf.Tensor): tf.Tensor;
  /** A value drawn for one pixel: parameters [batch, C] and noise [batch, channels] each to [batch, channels]. */
  draw(parameters: tf.Tensor, noise: NamedTensors, temperature: tf.Tensor): tf.Tensor;
  /**
   * As `draw`, each channel given the values of those before it in `given` [batch, channels], with the bounds of the
   * uniform noise.
   */
  forced(parameters: tf.Tensor, noise: NamedTensors, temperature: tf.Tensor, given: tf.Tensor): ForcedDraw;
}

/** The distribution of the one channel of grey pixels. */
export function greyDistribution(emission: Emission): PixelDistribution {
  const flat = (x: tf.Tensor) => tf.reshape(x, x.shape.slice(0, -1));
  return {
    channels: 1,
    width: emission.width,
    noise: emission.noise,
    logProb: (x, parameters) => emission.logProb(flat(x), parameters),
    draw: (parameters, noise, temperature) => {
      const own = Object.entries(noise).map(([name, x]) => [name, flat(x)]);
      return tf.expandDims(
        emission.draw(parameters, Object.fromEntries(own) as NamedTensors, temperature),
        1,
      );
    },
    forced: (parameters, noise, temperature) => {
      const own = Object.entries(noise).map(([name, x]) => [name, flat(x)]);
      const drawn = emission.forced(parameters, Object.fromEntries(own) as NamedTensors, temperature);
      const column = (x: tf.Tensor) => tf.expandDims(x, 1);
      return { value: column(drawn.value), bounds: mapBounds(drawn.bounds, column) };
    },
  };
}

/**
 * A mixture of discretised logistics over levels k / (levels - 1) of [0, 1], channels after the first conditioned
 * linearly on those before (PixelCNN++: Salimans et al. 2017, section 2.1 and 2.2).
 */
export function logisticDistribution(
  components: number,
  levels: number,
  channels: number,
): PixelDistribution {
  const mixture = { components, levels, channels };
  return {
    channels,
    width: logisticMixtureWidth(mixture),
    noise: { component: 'uniform', uniform: 'uniform' },
    logProb: (x, parameters) => logisticMixtureLogProb(mixture, tf.sub(tf.mul(x, 2), 1), parameters),
    draw: (parameters, { component, uniform }, temperature) => {
      // Noise comes in the shape of the data; a pixel has one component for all its channels.
      const chosen = tf.reshape(tf.slice(component!, [0, 0], [-1, 1]), [-1]);
      const noise = { component: chosen, uniform: uniform! };
      return tf.div(logisticMixtureDraw(mixture, parameters, noise, temperature), levels - 1);
    },
    forced: (parameters, { component, uniform }, temperature, given) => {
      const chosen = tf.slice(component!, [0, 0], [-1, 1]); // [batch, 1]
      const noise = { component: tf.reshape(chosen, [-1]), uniform: uniform! };
      const index = tf.round(tf.mul(given, levels - 1));
      const drawn = logisticMixtureForced(mixture, parameters, noise, temperature, index);
      // The noise of the other channels chooses nothing: it is as far from its bounds as that of the first.
      const apart = tf.sub(component!, chosen);
      const bounds = drawn.bounds as { uniform: Bounds; component: Bounds };
      return {
        value: tf.div(drawn.value, levels - 1),
        bounds: { ...bounds, ...mapBounds({ component: bounds.component }, (x) => tf.add(x, apart)) },
      };
    },
  };
}
