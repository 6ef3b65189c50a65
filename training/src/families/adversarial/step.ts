import { type NamedTensors, tf } from '@generatrix/export';
import type { Step } from '../../model/model.ts';
import type { StateSpecs } from '../../model/state.ts';
import { adam } from '../../nn/adam.ts';
import { gradientNorm } from '../../nn/gradient-norm.ts';
import { lossAndGradients } from '../../nn/gradients.ts';
import { newPass } from '../../nn/layer.ts';
import { runningMoments } from '../../nn/normalisation.ts';
import { average } from '../../nn/parameter-average.ts';
import { powerIteration } from '../../nn/spectral-normalisation.ts';
import { differentiableAugmentation } from './differentiable-augmentation.ts';
import { type Game, optimizers, type Portion, portionsOf, stepNoise } from './game.ts';
import { between, gradientPenalty } from './gradient-penalty.ts';
import { pulledToHistory, recordHistory } from './historical-average.ts';
import { auxiliaryAccuracy, scores, sum } from './measures.ts';
import type { Judgement } from './networks.ts';

/**
 * One update of the generator after `discriminatorSteps` updates of the discriminator (Goodfellow et al. 2014,
 * algorithm 1, with its k), all in one training step. The batch is cut into k equal portions, one for each update of
 * the discriminator: so a step needs no counter in the state, computes nothing that it throws away, and one portion
 * is the papers' minibatch. The generator's update uses the latent codes of the last portion, as the code of DCGAN
 * does, which saves a pass. `loss` is the discriminator's; all metrics of the discriminator are those of its last
 * update.
 */
export function adversarialStep(game: Game): Step {
  const { parameters, settings } = game;
  return {
    noise: stepNoise(game),
    run: (args) => {
      const portions = portionsOf(args, game);
      let state = args.state;
      let report: NamedTensors = {};
      for (const portion of portions) {
        ({ state, report } = discriminatorUpdate(game, state, portion, args.learningRate));
      }
      const last = generatorUpdate(game, state, portions.at(-1)!, args.learningRate);
      const everything = { ...parameters.generator, ...parameters.discriminator };
      const next = {
        ...last.state,
        ...recordHistory(last.state, everything, settings.historicalAveraging),
        ...average(last.state, game.averaged, settings.averaging),
      };
      return { state: next, metrics: { ...report, ...last.report } };
    },
  };
}

interface Updated {
  readonly state: NamedTensors;
  readonly report: NamedTensors;
}

function discriminatorUpdate(game: Game, start: NamedTensors, portion: Portion, rate: tf.Scalar): Updated {
  const { settings, parameters, domains, discriminator, generator, loss } = game;
  const before = { ...start, ...powerIteration(start, discriminator.statistics) };
  const changed = augmentation(game, portion.noise);
  const fakes = domains.map(({ view }) =>
    changed(generator.apply(view(before), portion.z, portion.classes, newPass(true)), 'fakeChange'),
  );
  const reals = domains.map(({ real }) => changed(real(portion.data), 'realChange'));
  const classes = portion.classes;
  const noisy = instanceNoise(game, before, portion.noise);
  const { report, gradients } = lossAndGradients(before, parameters.discriminator, (state) => {
    const passes = domains.map(() => [newPass(true), newPass(true)] as const);
    const losses = domains.map(({ view }, i) => {
      const seen = view(state);
      const real = discriminator.apply(seen, noisy(reals[i]!, 'realNoise'), classes, passes[i]![0]);
      const fake = discriminator.apply(seen, noisy(fakes[i]!, 'fakeNoise'), classes, passes[i]![1]);
      const terms = [
        loss.discriminator(real.logits, fake.logits, 1 - settings.labelSmoothing),
        ...auxiliaryTerms(game, classes, [real, fake]),
      ];
      if (settings.gradientPenalty > 0) {
        const points = between(reals[i]!, fakes[i]!, portion.noise.share!);
        const critic = (x: tf.Tensor) => discriminator.apply(seen, x, classes, newPass(true)).logits;
        terms.push(tf.mul(settings.gradientPenalty, gradientPenalty(critic, points)));
      }
      return { total: sum(terms), real, fake };
    });
    const { real, fake } = losses[0]!;
    return {
      loss: sum(losses.map(({ total }) => total)),
      ...scores(game, real, fake),
      ...auxiliaryAccuracy(game, classes, real),
      ...prefixed(
        'moments/',
        runningMoments(
          before,
          passes.flat().map(({ moments }) => moments),
        ),
      ),
    };
  });
  const pulled = pulledToHistory(before, gradients, settings.historicalAveraging);
  const updated = adam(
    before,
    pulled,
    tf.mul(rate, settings.discriminatorRate),
    settings.adam,
    optimizers.discriminator,
  );
  const { metrics, moments } = separated(report);
  return {
    state: { ...before, ...clipped(updated, parameters.discriminator, settings.clip), ...moments },
    report: { ...metrics, discriminatorGradient: gradientNorm(gradients) },
  };
}

function generatorUpdate(game: Game, before: NamedTensors, portion: Portion, rate: tf.Scalar): Updated {
  const { settings, parameters, domains, discriminator, generator, loss } = game;
  const noisy = instanceNoise(game, before, portion.noise);
  const changed = augmentation(game, portion.noise);
  const judge = (state: NamedTensors, x: tf.Tensor) =>
    discriminator.apply(state, x, portion.classes, newPass(true));
  const { report, gradients } = lossAndGradients(before, parameters.generator, (state) => {
    const passes = domains.map(() => newPass(true));
    const losses = domains.map(({ view, real }, i) => {
      const seen = view(state);
      const sample = generator.apply(seen, portion.z, portion.classes, passes[i]!);
      const fake = judge(seen, noisy(changed(sample, 'fakeChange'), 'fakeNoise'));
      const aim = settings.featureMatching
        ? featureDistance(judge(seen, noisy(changed(real(portion.data), 'realChange'), 'realNoise')), fake)
        : loss.generator(fake.logits);
      return sum([aim, ...auxiliaryTerms(game, portion.classes, [fake])]);
    });
    return {
      loss: sum(losses),
      ...prefixed(
        'moments/',
        runningMoments(
          before,
          passes.map(({ moments }) => moments),
        ),
      ),
    };
  });
  const pulled = pulledToHistory(before, gradients, settings.historicalAveraging);
  const updated = adam(
    before,
    pulled,
    tf.mul(rate, settings.generatorRate),
    settings.adam,
    optimizers.generator,
  );
  const { metrics, moments } = separated(report);
  return {
    state: { ...before, ...updated, ...moments },
    report: { generatorLoss: metrics.loss!, generatorGradient: gradientNorm(gradients) },
  };
}

/** |E[f(x)] - E[f(G(z))]|^2 over the discriminator's last hidden layer (Salimans et al. 2016, section 3.1). */
export function featureDistance(real: Judgement, fake: Judgement): tf.Scalar {
  return tf.sum(tf.square(tf.sub(tf.mean(real.features, 0), tf.mean(fake.features, 0))));
}

/**
 * Noise added to whatever the discriminator sees (Sonderby et al. 2017, section 3.2; Arjovsky and Bottou 2017,
 * section 3), its deviation falling linearly to 0 over the given number of the discriminator's updates.
 */
function instanceNoise({ settings }: Game, state: NamedTensors, noise: NamedTensors) {
  const { instanceNoise: std, instanceNoiseSteps: steps } = settings;
  if (std === 0) return (x: tf.Tensor) => x;
  const left =
    steps === 0
      ? tf.scalar(1)
      : tf.relu(tf.sub(1, tf.div(state[`${optimizers.discriminator}/count`]!, steps)));
  const scale = tf.mul(std, left);
  return (x: tf.Tensor, name: 'realNoise' | 'fakeNoise') => tf.add(x, tf.mul(scale, noise[name]!));
}

/**
 * The changes under which the discriminator sees images, real and generated alike, in its own update and in the
 * generator's (Zhao et al. 2020, eq. 2 and 3).
 */
function augmentation({ settings }: Game, noise: NamedTensors) {
  const { augmentation: asked } = settings;
  if (asked === null) return (x: tf.Tensor) => x;
  return (x: tf.Tensor, name: 'realChange' | 'fakeChange') =>
    differentiableAugmentation(x as tf.Tensor4D, noise[name] as tf.Tensor2D, asked.kinds, asked.range);
}

/** -weight E[log P(class | x)] for each judgement (Odena et al. 2017, eq. 3; both players gain by it). */
function auxiliaryTerms(
  { settings }: Game,
  classes: tf.Tensor | undefined,
  judgements: readonly Judgement[],
): tf.Scalar[] {
  if (settings.auxiliary === 0) return [];
  return judgements.map(({ classLogits }) => {
    const logProb = tf.sum(tf.mul(classes!, tf.logSoftmax(classLogits!)), 1); // [batch]
    return tf.mul(-settings.auxiliary, tf.mean(logProb));
  });
}

/** All weights cut to [-bound, bound] after the update (Arjovsky et al. 2017, algorithm 1). */
function clipped(updated: NamedTensors, parameters: StateSpecs, bound: number): NamedTensors {
  if (bound === 0) return updated;
  const cut = Object.keys(parameters).map((name) => [name, tf.clipByValue(updated[name]!, -bound, bound)]);
  return { ...updated, ...(Object.fromEntries(cut) as NamedTensors) };
}

function prefixed(prefix: string, tensors: NamedTensors): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`${prefix}${name}`, tensor]));
}

/** What a loss function returned, apart: metrics, and the running statistics that it passed out. */
function separated(report: NamedTensors): { metrics: NamedTensors; moments: NamedTensors } {
  const [metrics, moments]: [NamedTensors, NamedTensors] = [{}, {}];
  for (const [name, tensor] of Object.entries(report)) {
    if (name.startsWith('moments/')) moments[name.slice('moments/'.length)] = tensor;
    else metrics[name] = tensor;
  }
  return { metrics, moments };
}
