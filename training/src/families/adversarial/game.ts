import { type NamedTensors, tf } from '@generatrix/export';
import { UserError } from '@generatrix/runtime/core';
import type { TurnArguments } from '../../core/turn.ts';
import type { NoiseSpec } from '../../model/model.ts';
import type { StateSpecs } from '../../model/state.ts';
import { oneHot } from '../../nn/one-hot.ts';
import { type AugmentationKind, augmentationDraws } from './differentiable-augmentation.ts';
import type { AdversarialLoss } from './losses.ts';
import type { Discriminator, Generator } from './networks.ts';

/** One kind of data that is generated. CoGAN has two; all others have one. */
export interface Domain {
  /** The state as this domain's networks see it. */
  view(state: NamedTensors): NamedTensors;
  /** Real examples of the domain, of the batch's. */
  real(data: tf.Tensor): tf.Tensor;
}

/** Everything that a step of the two players needs to know. */
export interface Game {
  readonly generator: Generator;
  readonly discriminator: Discriminator;
  /** All that each player's optimizer changes, over all domains. */
  readonly parameters: { readonly generator: StateSpecs; readonly discriminator: StateSpecs };
  readonly domains: readonly Domain[];
  readonly loss: AdversarialLoss;
  /** Number of classes that the networks are conditioned on; 0 when they are not. */
  readonly classes: number;
  readonly latent: number;
  readonly dataShape: readonly number[];
  readonly settings: StepSettings;
}

/** The options that shape a step. */
export interface StepSettings {
  readonly discriminatorSteps: number;
  readonly packing: number;
  readonly generatorRate: number;
  readonly discriminatorRate: number;
  readonly labelSmoothing: number;
  readonly featureMatching: boolean;
  readonly historicalAveraging: number;
  readonly instanceNoise: number;
  readonly instanceNoiseSteps: number;
  /** Changes under which the discriminator sees images, and the range of these; null for none. */
  readonly augmentation: {
    readonly kinds: readonly AugmentationKind[];
    readonly range: readonly [number, number];
  } | null;
  /** Weight of the gradient penalty; 0 for none. */
  readonly gradientPenalty: number;
  /** Weight of the auxiliary classifier's loss; 0 where there is none. */
  readonly auxiliary: number;
}

/** A part of the batch: what one update of the discriminator sees. */
export interface Portion {
  readonly data: tf.Tensor;
  readonly z: tf.Tensor;
  readonly classes: tf.Tensor | undefined;
  readonly noise: NamedTensors;
}

/** A step's noise: the latent code, and what the penalty, the instance noise and the augmentation need, for each example. */
export function stepNoise({ latent, dataShape, settings }: Game): Record<string, NoiseSpec> {
  return {
    z: { distribution: 'normal', shape: [latent] },
    ...(settings.gradientPenalty > 0 ? { share: { distribution: 'uniform', shape: [] } as const } : {}),
    ...(settings.augmentation === null
      ? {}
      : {
          realChange: { distribution: 'uniform', shape: [augmentationDraws] } as const,
          fakeChange: { distribution: 'uniform', shape: [augmentationDraws] } as const,
        }),
    ...(settings.instanceNoise > 0
      ? {
          realNoise: { distribution: 'normal', shape: dataShape } as const,
          fakeNoise: { distribution: 'normal', shape: dataShape } as const,
        }
      : {}),
  };
}

/**
 * The portion of the batch that an update of the discriminator sees, of as many as there are of those.
 * @throws UserError when it cannot be cut into equal portions, or those into packs.
 */
export function portionOf({ data, label, noise }: TurnArguments, game: Game, i: number): Portion {
  const { discriminatorSteps: k, packing } = game.settings;
  const batch = data.shape[0]!;
  const size = batch / k;
  if (!Number.isInteger(size)) {
    throw new UserError(
      `--batch-size ${batch} is not a multiple of --discriminator-steps ${k}; give ${k * Math.ceil(size)}`,
    );
  }
  if (size % packing !== 0) {
    throw new UserError(
      `${size} examples for an update of the discriminator are not a multiple of --packing ${packing}; give --batch-size ${k * packing * Math.ceil(size / packing)}`,
    );
  }
  const classes = game.classes > 0 ? oneHot(label, game.classes) : undefined;
  const cut = (x: tf.Tensor) =>
    k === 1 ? x : tf.slice(x, [i * size, ...x.shape.slice(1).map(() => 0)], [size, ...x.shape.slice(1)]);
  return {
    data: cut(data),
    z: cut(noise.z!),
    classes: classes === undefined ? undefined : cut(classes),
    noise: Object.fromEntries(Object.entries(noise).map(([name, x]) => [name, cut(x)])),
  };
}
