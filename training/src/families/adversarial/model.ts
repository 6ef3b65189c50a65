import type { NamedTensors, tf } from '@generatrix/export';
import type { DataDescription } from '../../model/family.ts';
import type { Model } from '../../model/model.ts';
import { asKind, type StateSpecs, withKinds } from '../../model/state.ts';
import { adamSpecs } from '../../nn/adam.ts';
import { newPass } from '../../nn/layer.ts';
import { averaged, averageSpecs, startAverages } from '../../nn/parameter-average.ts';
import { measureScale } from './data-scale.ts';
import { buildDiscriminator } from './discriminator.ts';
import { type Domain, optimizers } from './game.ts';
import { buildGenerator } from './generator.ts';
import { historySpecs, startHistory } from './historical-average.ts';
import { type AdversarialLossName, adversarialLosses } from './losses.ts';
import type { Conditioning } from './networks.ts';
import { type AdversarialOptions, augmentationsOf } from './options.ts';
import { adversarialPrograms } from './programs.ts';
import { adversarialStep } from './step.ts';

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
): Model {
  const { latent, averaging, historicalAveraging } = options;
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
  const shown: StateSpecs = { ...parameters.generator, ...generator.statistics };
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
  const views = domains.map(
    ({ view }) =>
      (state: NamedTensors) =>
        view(averaged(state, shown, averaging)),
  );
  return {
    state: withKinds({
      ...everything,
      ...asKind('statistic', { ...generator.statistics, ...discriminator.statistics }),
      ...asKind('data', generator.fixed),
      ...adamSpecs(parameters.generator, optimizers.generator),
      ...adamSpecs(parameters.discriminator, optimizers.discriminator),
      ...historySpecs(everything, historicalAveraging),
      ...averageSpecs(shown, averaging),
    }),
    initialise: async (state, dataset) => {
      const scaled = await measureScale(state, dataset);
      return startAverages(startHistory(scaled, everything, historicalAveraging), shown, averaging);
    },
    batching: 'shuffled',
    step: adversarialStep({
      generator,
      discriminator,
      parameters,
      averaged: shown,
      domains,
      loss: adversarialLosses[setting.loss],
      classes,
      latent,
      dataShape: data.spec.shape,
      settings: {
        ...options,
        adam: { beta1: options.beta1, beta2: options.beta2 },
        gradientPenalty: setting.gradientPenalty ?? 0,
        clip: setting.clip ?? 0,
        auxiliary: setting.auxiliary ?? 0,
        augmentation:
          kinds.length > 0 && data.spec.kind === 'image' ? { kinds, range: data.spec.range } : null,
      },
    }),
    programs: adversarialPrograms({
      latent,
      classes,
      spec: data.spec,
      domains: domains.length,
      generate: (state, z, label) =>
        views.map((view) => generator.apply(view(state), z, label, newPass(false))),
      // A judgement that depends on the rest of the batch is no property of an example.
      judge:
        options.packing > 1 || options.minibatchKernels > 0
          ? null
          : (state, x, label) => discriminator.apply(state, x, label, newPass(false)),
      auxiliary: conditioning === 'auxiliary',
    }),
  };
}

function twinOf(name: string): string {
  return `paired/${name}`;
}
