import { type NamedTensors, tf } from '@generatrix/export';
import type { NoiseSpec } from '@generatrix/runtime/core';
import { z } from 'zod';
import type { DataDescription } from '../../model/family.ts';
import { usedWith } from '../../model/option-use.ts';
import type { StateSpecs } from '../../model/state.ts';
import { silu } from '../../nn/activations.ts';
import { dense } from '../../nn/dense.ts';
import { embedding } from '../../nn/embedding.ts';
import { zeros } from '../../nn/initial-values.ts';
import { declared, inference, type Module, type Pass, sequential } from '../../nn/module.ts';
import { conditionShift, residual } from '../../nn/residual.ts';
import { sinusoids } from '../../nn/sinusoids.ts';
import { uNet } from './u-net.ts';

/** Options of the network, the same for all families of iterative refinement. */
export const denoiserOptions = {
  width: z
    .number()
    .int()
    .min(1)
    .default(96)
    .meta(usedWith({ data: 'points' }, 'units of each layer')),
  layers: z
    .number()
    .int()
    .min(1)
    .max(32)
    .default(3)
    .meta(usedWith({ data: 'points' }, 'residual blocks of two layers')),
  filters: z
    .array(z.number().int().min(1))
    .min(1)
    .max(6)
    .default([24, 48, 96])
    .meta(
      usedWith(
        { data: 'image' },
        'channels at each resolution, from that of the image down; each halves the one before',
      ),
    ),
  blocks: z
    .number()
    .int()
    .min(1)
    .max(8)
    .default(1)
    .meta(
      usedWith({ data: 'image' }, 'residual blocks at each resolution on the way down, and on the way up'),
    ),
  heads: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(4)
    .meta(usedWith({ data: 'image' }, 'heads of the attention at the lowest resolution')),
  groups: z
    .number()
    .int()
    .min(1)
    .default(8)
    .meta(usedWith({ data: 'image' }, 'groups of the normalisations at most')),
  dropout: z
    .number()
    .min(0)
    .max(0.95)
    .default(0)
    .meta(usedWith({ data: 'image' }, 'share of the channels dropped')),
  embedding: z
    .number()
    .int()
    .min(4)
    .multipleOf(2)
    .default(128)
    .describe('width of the features of time, and of the classes'),
} as const;
const settings = z.strictObject(denoiserOptions);
export type DenoiserOptions = z.infer<typeof settings>;

/** A network that looks at something between noise and data, and is told how far it is. */
export interface Denoiser {
  readonly parameters: StateSpecs;
  /** What dropout draws in training. */
  readonly noise: Readonly<Record<string, NoiseSpec>>;
  /** [batch, ...shape] to the same. */
  apply(state: NamedTensors, x: tf.Tensor, told: Told, pass?: Pass): tf.Tensor;
}

/** What a denoiser is told of an example, each [batch], or [1] for all. */
export interface Told {
  /** In [0, 1]: how far between noise and data it is. */
  readonly time: tf.Tensor;
  /** int32, the number of classes for none; undefined where the network knows no classes. */
  readonly label?: tf.Tensor | undefined;
  /** In [0, 1]: how fine the step is that is asked for, 1 for the finest; undefined where the network knows no steps. */
  readonly fineness?: tf.Tensor | undefined;
}

/** Why no such network fits the data, or null. */
export function denoiserRefuses({ spec }: DataDescription, options: DenoiserOptions): string | null {
  if (spec.kind === 'audio') return 'models images and points, not audio';
  if (spec.kind !== 'image') return null;
  const { heads, filters } = options;
  const deepest = filters.at(-1)!;
  if (deepest % heads !== 0)
    return `heads ${heads} needs a number of channels that it divides at the lowest resolution, which has ${deepest}`;
  const [height, width] = spec.shape;
  const most = Math.floor(Math.log2(Math.min(height, width))) + 1;
  if (filters.length <= most) return null;
  return `filters names ${filters.length} resolutions, images of ${height}x${width} have at most ${most}`;
}

/** Angular frequencies of the features of time: of a thousand steps for images, smoother for points. */
const frequencies = {
  image: { fastest: 1000, slowest: 0.1 },
  points: { fastest: 32, slowest: 0.5 },
} as const;

/**
 * A U-Net for images, an MLP for points; both are told the time and, where there are classes, the class.
 * @param knowsSteps whether it is told the fineness of steps, too; it begins as if it were not
 */
export function denoiser(
  options: DenoiserOptions,
  { spec }: Pick<DataDescription, 'spec'>,
  classes: number,
  knowsSteps = false,
): Denoiser {
  const condition = options.embedding;
  const images = spec.kind === 'image';
  const network = images
    ? uNet('network', spec.shape[2], { ...options, channels: options.filters, condition })
    : pointNetwork('network', spec.shape[0]!, { ...options, condition });
  const times = sequential([
    dense('time/0', condition, condition),
    silu,
    dense('time/1', condition, condition),
  ]);
  const table = classes > 0 ? embedding('class', classes + 1, condition) : null;
  const steps = knowsSteps
    ? sequential([
        dense('fineness/0', condition, condition),
        silu,
        dense('fineness/1', condition, condition, { initial: zeros }),
      ])
    : null;
  const all = declared([
    times,
    ...(table === null ? [] : [table]),
    ...(steps === null ? [] : [steps]),
    network,
  ]);
  return {
    parameters: all.specs,
    noise: all.noise,
    apply: (state, x, { time, label, fineness }, pass = inference) => {
      const half = condition / 2;
      const features = sinusoids(time, half, frequencies[images ? 'image' : 'points']);
      let known = times.apply(state, features, pass); // [batch or 1, embedding]
      if (table !== null) known = tf.add(known, table.apply(state, label!, pass));
      if (steps !== null) {
        const fine = sinusoids(fineness!, half, frequencies.points);
        known = tf.add(known, steps.apply(state, fine, pass));
      }
      return network.apply(state, x, { ...pass, condition: known });
    },
  };
}

/** Residual blocks of two dense layers between a first and a last, which starts at zero: [batch, n] to the same. */
function pointNetwork(
  name: string,
  size: number,
  { width, layers, condition }: Pick<DenoiserOptions, 'width' | 'layers'> & { readonly condition: number },
): Module {
  const blocks = Array.from({ length: layers }, (_, i) =>
    residual([
      silu,
      dense(`${name}/${i}/first`, width, width),
      conditionShift(`${name}/${i}/condition`, condition, width, silu),
      silu,
      dense(`${name}/${i}/second`, width, width),
    ]),
  );
  return sequential([
    dense(`${name}/input`, size, width),
    ...blocks,
    silu,
    dense(`${name}/output`, width, size, { initial: zeros }),
  ]);
}
