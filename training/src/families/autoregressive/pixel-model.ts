import { type NamedTensors, tf } from '@generatrix/export';
import { z } from 'zod';
import { type CarryShapes, startCarries } from '../../core/carries.ts';
import { gradientModel } from '../../core/gradient-model.ts';
import type { DataDescription, Trainable } from '../../model/family.ts';
import { usedWith } from '../../model/option-use.ts';
import type { StateSpecs } from '../../model/state.ts';
import { sumExamples } from '../../nn/distributions.ts';
import { mapBounds, mapNoise } from '../../nn/inversion.ts';
import {
  autoregressivePrograms,
  binarisationNoise,
  type DrawRequest,
  flattened,
} from './autoregressive-programs.ts';
import { bernoulliEmission, categoricalEmission, nearestLevel } from './emission.ts';
import { greyDistribution, logisticDistribution, type PixelDistribution } from './pixel-distribution.ts';
import { type Positions, positionsOption } from './pixel-positions.ts';

/** An odd width in pixels. */
export const oddWidth = (least: number) =>
  z
    .number()
    .int()
    .min(least)
    .max(63)
    .refine((size) => size % 2 === 1, 'must be odd');

/** Options of every network that draws an image pixel by pixel. */
export const pixelOptions = {
  output: z
    .enum(['binary', 'categorical', 'logistic'])
    .default('binary')
    .describe(
      'distribution of a pixel: binary (images binarised anew each step), categorical over grey levels, or a mixture of discretised logistics over the levels of each channel',
    ),
  levels: z
    .number()
    .int()
    .min(2)
    .max(256)
    .default(256)
    .meta(
      usedWith({ output: ['categorical', 'logistic'] }, 'levels of a channel, evenly spaced from 0 to 1'),
    ),
  components: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(10)
    .meta(usedWith({ output: 'logistic' }, 'components of the mixture')),
  conditional: z.boolean().default(false).describe('condition on the class of the image'),
  positions: positionsOption,
};

export interface PixelOptions {
  readonly output: 'binary' | 'categorical' | 'logistic';
  readonly levels: number;
  readonly components: number;
  readonly conditional: boolean;
  readonly positions: Positions;
}

/** What every such network is built for. */
export interface PixelSizes {
  readonly height: number;
  readonly width: number;
  /** Classes to condition on; 0 for none. */
  readonly classes: number;
  readonly distribution: PixelDistribution;
  readonly positions: Positions;
}

export function pixelSizes(
  { output, levels, components, conditional, positions }: PixelOptions,
  { spec, classNames }: DataDescription,
): PixelSizes {
  const [height, width, channels] = spec.shape as readonly [number, number, number];
  const distributions = {
    binary: () => greyDistribution(bernoulliEmission),
    categorical: () => greyDistribution(categoricalEmission(levels)),
    logistic: () => logisticDistribution(components, levels, channels),
  };
  return {
    height,
    width,
    classes: conditional ? classNames.length : 0,
    distribution: distributions[output](),
    positions,
  };
}

/** A network over the pixels of an image in rows from the top left. */
export interface PixelNetwork {
  readonly parameters: StateSpecs;
  /** The parameters of every pixel's distribution given the pixels before it: [batch, D] to [batch, P, C]. */
  forward(state: NamedTensors, x: tf.Tensor2D, label?: tf.Tensor): tf.Tensor;
  /** What drawing carries from row to row. */
  readonly carries: CarryShapes;
  /** Draws the rows after those of the carries, as many as there is noise for: [batch, rows * w * channels]. */
  drawRows(
    state: NamedTensors,
    request: DrawRequest,
    carries: NamedTensors,
  ): { readonly x: tf.Tensor; readonly carries: NamedTensors };
}

/** A draw of all rows, from empty carries: [batch, D]. */
export function drawImage(
  { carries, drawRows }: Pick<PixelNetwork, 'carries' | 'drawRows'>,
  state: NamedTensors,
  request: DrawRequest,
): tf.Tensor {
  const batch = Object.values(request.noise)[0]!.shape[0]!;
  return drawRows(
    state,
    request,
    startCarries(carries, (shape) => tf.zeros([batch, ...shape])),
  ).x;
}

/**
 * The model of such a network: the loss is -log p of the image, binarised anew each step or rounded to the grey levels
 * (then the log-probability is of the rounded image).
 */
export function pixelModel(
  { output, levels }: Pick<PixelOptions, 'output' | 'levels'>,
  { distribution, classes }: PixelSizes,
  network: PixelNetwork,
  { spec }: DataDescription,
): Trainable {
  const binary = output === 'binary';
  const rounded = (x: tf.Tensor2D) => (binary ? x : nearestLevel(x, levels)) as tf.Tensor2D;
  const roundedRequest = ({ given, ...request }: DrawRequest): DrawRequest => ({
    ...request,
    ...(given === undefined ? {} : { given: { ...given, values: rounded(given.values) } }),
  });
  const logProb = (state: NamedTensors, examples: tf.Tensor2D, label?: tf.Tensor) => {
    const x = rounded(examples);
    const pixels = tf.reshape(x, [x.shape[0], -1, distribution.channels]);
    return sumExamples(distribution.logProb(pixels, network.forward(state, x, label)));
  };
  return gradientModel({
    parameters: network.parameters,
    noise: binary ? { uniform: binarisationNoise([...spec.shape]) } : {},
    loss: (state, { data: examples, label, noise }) => ({
      loss: tf.neg(tf.mean(logProb(state, flattened(examples, noise.uniform), label))),
    }),
    programs: autoregressivePrograms(
      {
        noise: distribution.noise,
        classes,
        logProb,
        draw: (state, request) => drawImage(network, state, roundedRequest(request)),
        forced: (state, { noise, temperature, label }, x) => {
          const distributions = network.forward(state, rounded(x), label); // [batch, P, C]
          const each = (tensor: tf.Tensor) => tf.reshape(tensor, [-1, distribution.channels]);
          const parameters = tf.reshape(distributions, [-1, distribution.width]);
          const { value, bounds } = distribution.forced(
            parameters,
            mapNoise(noise, each),
            temperature,
            each(x),
          );
          const whole = (tensor: tf.Tensor) => tf.reshape(tensor, x.shape);
          return { value: whole(value), bounds: mapBounds(bounds, whole) };
        },
        rows: {
          carries: network.carries,
          draw: (state, request, carries) => network.drawRows(state, roundedRequest(request), carries),
        },
      },
      spec,
      { binary, completes: true },
    ),
  });
}

/** Why this data cannot be modelled pixel by pixel, or null. */
export function refusesPixels(
  { spec, classNames }: DataDescription,
  { output, conditional }: Pick<PixelOptions, 'output' | 'conditional'>,
): string | null {
  if (spec.kind !== 'image') return `needs images, not ${spec.kind}`;
  if (spec.shape[2] !== 1 && output !== 'logistic') {
    return `models grey images with --output ${output}, not ${spec.shape[2]} channels; try --channels 1 or --output logistic`;
  }
  if (spec.range[0] !== 0 || spec.range[1] !== 1) return 'needs images with values in [0, 1]';
  if (conditional && classNames.length === 0) return 'conditional needs labelled data; leave it out';
  return null;
}
