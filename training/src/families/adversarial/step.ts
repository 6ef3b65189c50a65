import { type NamedTensors, tf } from '@generatrix/export';
import { gradientNorm } from '../../core/gradient-norm.ts';
import { lossAndGradients } from '../../core/gradients.ts';
import type { Turn, TurnResult } from '../../core/turn.ts';
import { newPass } from '../../nn/module.ts';
import { runningMoments } from '../../nn/normalisation.ts';
import { powerIteration } from '../../nn/spectral-normalisation.ts';
import { differentiableAugmentation } from './differentiable-augmentation.ts';
import { type Game, type Portion, portionOf } from './game.ts';
import { between, gradientPenalty } from './gradient-penalty.ts';
import { pulledToHistory } from './historical-average.ts';
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
export function adversarialTurns(game: Game): Turn[] {
  const last = game.settings.discriminatorSteps - 1;
  const judging = Array.from(
    { length: last + 1 },
    (_, i): Turn => ({
      players: ['discriminator'],
      run: (state, args) =>
        discriminatorTurn(game, state, portionOf(args, game, i), args.updates.discriminator!),
    }),
  );
  const making: Turn = {
    players: ['generator'],
    run: (state, args) =>
      generatorTurn(game, state, portionOf(args, game, last), args.updates.discriminator!),
  };
  return [...judging, making];
}

function discriminatorTurn(
  game: Game,
  start: NamedTensors,
  portion: Portion,
  updates: tf.Tensor,
): TurnResult {
  const { settings, parameters, domains, discriminator, generator, loss } = game;
  const powers = powerIteration(start, discriminator.statistics);
  const before = { ...start, ...powers };
  const changed = augmentation(game, portion.noise);
  const fakes = domains.map(({ view }) =>
    changed(generator.apply(view(before), portion.z, portion.classes, newPass(true)), 'fakeChange'),
  );
  const reals = domains.map(({ real }) => changed(real(portion.data), 'realChange'));
  const classes = portion.classes;
  const noisy = instanceNoise(game, updates, portion.noise);
  const { metrics, statistics, gradients } = lossAndGradients(before, parameters.discriminator, (state) => {
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
      metrics: { ...scores(game, real, fake), ...auxiliaryAccuracy(game, classes, real) },
      statistics: runningMoments(
        before,
        passes.flat().map(({ moments }) => moments),
      ),
    };
  });
  return {
    gradients: { discriminator: pulledToHistory(before, gradients, settings.historicalAveraging) },
    metrics: { ...metrics, discriminatorGradient: gradientNorm(gradients) },
    statistics: { ...powers, ...statistics },
  };
}

function generatorTurn(game: Game, before: NamedTensors, portion: Portion, updates: tf.Tensor): TurnResult {
  const { settings, parameters, domains, discriminator, generator, loss } = game;
  const noisy = instanceNoise(game, updates, portion.noise);
  const changed = augmentation(game, portion.noise);
  const judge = (state: NamedTensors, x: tf.Tensor) =>
    discriminator.apply(state, x, portion.classes, newPass(true));
  const { metrics, statistics, gradients } = lossAndGradients(before, parameters.generator, (state) => {
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
      statistics: runningMoments(
        before,
        passes.map(({ moments }) => moments),
      ),
    };
  });
  return {
    gradients: { generator: pulledToHistory(before, gradients, settings.historicalAveraging) },
    metrics: { generatorLoss: metrics.loss, generatorGradient: gradientNorm(gradients) },
    statistics,
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
function instanceNoise({ settings }: Game, updates: tf.Tensor, noise: NamedTensors) {
  const { instanceNoise: std, instanceNoiseSteps: steps } = settings;
  if (std === 0) return (x: tf.Tensor) => x;
  const left = steps === 0 ? tf.scalar(1) : tf.relu(tf.sub(1, tf.div(updates, steps)));
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
