import { type NamedTensors, tf } from '@generatrix/export';
import { measureScale } from '../../core/data-scale.ts';
import { gradientModel } from '../../core/gradient-model.ts';
import type { DataDescription, Trainable } from '../../model/family.ts';
import { asKind, type StateSpecs } from '../../model/state.ts';
import { newPass } from '../../nn/module.ts';
import { buildDiscriminator } from './discriminator.ts';
import { type Domain, type Game, stepNoise } from './game.ts';
import { buildGenerator } from './generator.ts';
import { historySpecs, recordHistory, startHistory } from './historical-average.ts';
import { type AdversarialLossName, adversarialLosses } from './losses.ts';
import type { Conditioning } from './networks.ts';
import { type AdversarialOptions, augmentationsOf } from './options.ts';
import { adversarialPrograms } from './programs.ts';
import { adversarialTurns } from './step.ts';

/** What a family adds to the common options. */
export interface AdversarialSetting {
  readonly loss: AdversarialLossName;
  readonly conditioning: Conditioning;
  /** Weight of the auxiliary classifier's loss; 0 where there is none. */
  readonly auxiliary?: number;
  readonly gradientPenalty?: number;
  readonly clip?: number;
  /** What becomes of an example in the second domain of CoGAN. */
  readonly paired?: (x: tf.Tensor) => tf.Tensor;
}

/** Puts networks, step and programs of an adversarial family together. */
export function buildAdversarial(
  options: AdversarialOptions,
  data: DataDescription,
  setting: AdversarialSetting,
): Trainable {
  const { latent, historicalAveraging } = options;
  const { conditioning, paired } = setting;
  const kinds = augmentationsOf(options.diffAugment);
  const classes = conditioning === 'none' ? 0 : data.classNames.length;
  const generator = buildGenerator(options, data.spec, classes);
  const discriminator = buildDiscriminator(options, data.spec, {
    classes,
    conditioning,
    // The Wasserstein loss is a difference of means, in which a constant cancels.
    bias: setting.loss !== 'wasserstein',
  });
  const twins = paired === undefined ? [] : [...generator.outermost, ...discriminator.outermost];
  const withTwins = (specs: StateSpecs): StateSpecs => ({
    ...specs,
    ...Object.fromEntries(twins.filter((name) => name in specs).map((name) => [twinOf(name), specs[name]!])),
  });
  const parameters = {
    generator: withTwins(generator.parameters),
    discriminator: withTwins(discriminator.parameters),
  };
  const everything = { ...parameters.generator, ...parameters.discriminator };
  const twinView = (state: NamedTensors): NamedTensors => ({
    ...state,
    ...Object.fromEntries(twins.map((name) => [name, state[twinOf(name)]!])),
  });
  const domains: Domain[] =
    paired === undefined
      ? [{ view: (state) => state, real: (x) => x }]
      : [
          { view: (state) => state, real: (x) => x },
          // Both domains come from one batch, but each judgement is of one image of one domain: no pair is ever shown.
          { view: twinView, real: paired },
        ];
  const clip = setting.clip ?? 0;
  const game: Game = {
    generator,
    discriminator,
    parameters,
    domains,
    loss: adversarialLosses[setting.loss],
    classes,
    latent,
    dataShape: data.spec.shape,
    settings: {
      ...options,
      gradientPenalty: setting.gradientPenalty ?? 0,
      auxiliary: setting.auxiliary ?? 0,
      augmentation: kinds.length > 0 && data.spec.kind === 'image' ? { kinds, range: data.spec.range } : null,
    },
  };
  return gradientModel({
    players: {
      generator: { parameters: parameters.generator, rate: options.generatorRate },
      discriminator: {
        parameters: parameters.discriminator,
        rate: options.discriminatorRate,
        // All weights cut to [-clip, clip] after the update (Arjovsky et al. 2017, algorithm 1).
        ...(clip > 0 && { constrain: (weights) => clippedTo(clip, weights) }),
      },
    },
    turns: adversarialTurns(game),
    after: (state) => recordHistory(state, everything, historicalAveraging),
    state: {
      ...asKind('statistic', { ...generator.statistics, ...discriminator.statistics }),
      ...asKind('data', generator.fixed),
      ...historySpecs(everything, historicalAveraging),
    },
    // Samples come from the running mean of the generator; the discriminator is judged by as it is.
    averaged: { ...parameters.generator, ...generator.statistics },
    initialise: async (state, dataset) =>
      startHistory(await measureScale(state, dataset), everything, historicalAveraging),
    noise: stepNoise(game),
    // It rises as the discriminator gets better.
    metrics: { generatorLoss: { direction: 'neither' } },
    programs: adversarialPrograms({
      latent,
      classes,
      spec: data.spec,
      domains: domains.length,
      generate: (state, z, label) =>
        domains.map(({ view }) => generator.apply(view(state), z, label, newPass(false))),
      // A judgement that depends on the rest of the batch is no property of an example.
      judge:
        options.packing > 1 || options.minibatchKernels > 0
          ? null
          : (state, x, label) => discriminator.apply(state, x, label, newPass(false)),
      auxiliary: conditioning === 'auxiliary',
    }),
  });
}

function clippedTo(bound: number, weights: NamedTensors): NamedTensors {
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [name, tf.clipByValue(weight, -bound, bound)]),
  );
}

function twinOf(name: string): string {
  return `paired/${name}`;
}
