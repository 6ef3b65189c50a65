import { UserError } from '@generatrix/runtime/core';
import { z } from 'zod';
import { describeIssue, flagOf } from '../errors/describe-issue.ts';

/** What each optimizer can be told, with what it takes when it is told nothing. */
export const optimizerDefaults = {
  adam: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  adamw: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  adamax: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  rmsprop: { rho: 0.9, epsilon: 1e-8 },
  sgd: { momentum: 0.9 },
} as const;
export type OptimizerName = keyof typeof optimizerDefaults;
const optimizerNames = Object.keys(optimizerDefaults) as [OptimizerName, ...OptimizerName[]];

/** AdamW's own decay (Loshchilov and Hutter 2019, as PyTorch has it); that of all others is 0. */
const adamwDecay = 0.01;

const decayRate = z.number().min(0).lt(1);

/**
 * How a step follows its gradients: options of every run, whatever the family, which may give other defaults. None is
 * filled in here; `settleTraining` does that.
 */
export const trainingOptionsShape = {
  optimizer: z
    .enum(optimizerNames)
    .optional()
    .describe(
      'adam and adamax (Kingma and Ba 2015), adamw (adam with weight decay 0.01), rmsprop (Tieleman and Hinton 2012) or sgd',
    ),
  beta1: decayRate.optional().describe('decay of the mean of gradients (adam, adamw, adamax)'),
  beta2: decayRate
    .optional()
    .describe('decay of the mean square of gradients (adam, adamw), of their maximum (adamax)'),
  rho: decayRate.optional().describe('decay of the mean square of gradients (rmsprop)'),
  momentum: decayRate
    .optional()
    .describe('share of the last change that goes on (sgd; Polyak 1964); 0 for none'),
  epsilon: z.number().positive().optional().describe('added to the divisor of a change (all but sgd)'),
  weightDecay: z
    .number()
    .min(0)
    .optional()
    .describe(
      'share of the kernels taken off a step, times the learning rate, apart from the gradient (Loshchilov and Hutter 2019); biases and scales are left alone',
    ),
  gradientClip: z
    .number()
    .min(0)
    .optional()
    .describe(
      'largest norm of all gradients together, to which larger ones are scaled (Pascanu et al. 2013); 0: any',
    ),
  ema: decayRate
    .optional()
    .describe(
      'decay of the running mean of the weights that samples and exports use; 0 uses the last weights',
    ),
  accumulate: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('equal parts of the batch that are gone through one after another, for less memory'),
} as const;

const schema = z.strictObject(trainingOptionsShape);

/** As a run, a family or a preset gives them: what is left out has a default. */
export type TrainingOptions = {
  readonly [Name in keyof z.infer<typeof schema>]?: z.infer<typeof schema>[Name];
};

/** What a step is composed by: nothing is left to a default but what the optimizer does not have. */
export type SettledTraining = TrainingOptions &
  Required<Pick<TrainingOptions, 'optimizer' | 'weightDecay' | 'gradientClip' | 'ema' | 'accumulate'>>;

type Option = keyof typeof trainingOptionsShape;
const optionNames = Object.keys(trainingOptionsShape) as Option[];
/** Options that only some optimizers have. */
export const optionsOfOptimizers: readonly Option[] = ['beta1', 'beta2', 'rho', 'momentum', 'epsilon'];

/** The options of training among other settings. */
export function trainingOptionsOf(settings: Readonly<Record<string, unknown>>): TrainingOptions {
  const given = optionNames.filter((name) => settings[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, settings[name]]));
}

/** The same options. @throws UserError when one is out of range */
export function checkTraining(given: TrainingOptions): TrainingOptions {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new UserError(describeIssue(parsed.error, given, flagOf));
}

/** Names that options of training had while they were options of some families. */
export const earlierNames: Readonly<Record<string, Option>> = {
  averaging: 'ema',
  gradientClip: 'gradientClip',
  beta1: 'beta1',
  beta2: 'beta2',
};

/** A family's options apart from those of training among them, which runs of earlier releases have there. */
export function withoutTraining(
  options: Readonly<Record<string, unknown>>,
  own: Readonly<Record<string, unknown>>,
): { readonly options: Record<string, unknown>; readonly training: TrainingOptions } {
  const moved = (name: string) => Object.hasOwn(earlierNames, name) && !Object.hasOwn(own, name);
  const entries = Object.entries(options);
  return {
    options: Object.fromEntries(entries.filter(([name]) => !moved(name))),
    training: Object.fromEntries(
      entries.filter(([name]) => moved(name)).map(([name, value]) => [earlierNames[name]!, value]),
    ),
  };
}

/**
 * All options of training: those given, else the family's, else those of the optimizer.
 * @throws UserError when a value is out of range, or given for an optimizer that does not have it
 */
export function settleTraining(defaults: TrainingOptions, given: TrainingOptions): SettledTraining {
  const optimizer = given.optimizer ?? defaults.optimizer ?? 'adam';
  const own: Readonly<Record<string, number>> = optimizerDefaults[optimizer];
  const stray = optionsOfOptimizers.find((name) => given[name] !== undefined && !Object.hasOwn(own, name));
  if (stray !== undefined) {
    const having = optimizerNames.filter((name) => Object.hasOwn(optimizerDefaults[name], stray));
    throw new UserError(
      `${flagOf(stray)}: optimizer ${optimizer} has none, only ${having.join(', ')}; leave it out or choose --optimizer ${having[0]}`,
    );
  }
  const settled = optionsOfOptimizers
    .filter((name) => Object.hasOwn(own, name))
    .map((name) => [name, given[name] ?? defaults[name] ?? own[name]]);
  return {
    optimizer,
    ...Object.fromEntries(settled),
    weightDecay: given.weightDecay ?? defaults.weightDecay ?? (optimizer === 'adamw' ? adamwDecay : 0),
    gradientClip: given.gradientClip ?? defaults.gradientClip ?? 0,
    ema: given.ema ?? defaults.ema ?? 0,
    accumulate: given.accumulate ?? defaults.accumulate ?? 1,
  };
}
