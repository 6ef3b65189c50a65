import { z } from 'zod';
import { flagOf } from '../errors/describe-issue.ts';

/** How the learning rate goes over a run: options of every run. */
export const scheduleShape = {
  schedule: z
    .enum(['constant', 'cosine', 'linear', 'step', 'exponential'])
    .default('constant')
    .describe(
      'learning rate over the run: constant, half a cosine or a line down to 0, or a factor every so many steps, at once (step) or little by little (exponential)',
    ),
  warmUp: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe(
      'steps in which the learning rate rises in a line to its full value, before the schedule begins',
    ),
  decayFactor: z
    .number()
    .positive()
    .optional()
    .describe('factor of the schedules step and exponential (default 0.1)'),
  decayEvery: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('steps in which that factor comes in (default a third of the run)'),
} as const;
const schema = z.strictObject(scheduleShape);
export type Schedule = z.infer<typeof schema>['schedule'];

/** What decides the learning rate of a step. */
export type ScheduleSettings = z.infer<typeof schema> & {
  readonly learningRate: number;
  /** Steps of the run. */
  readonly steps: number;
};

/** Why an option does not go with the schedule, in one line, or null. */
export function strayScheduleOption(settings: Omit<ScheduleSettings, 'learningRate'>): string | null {
  const { schedule, steps, warmUp = 0 } = settings;
  const decays = schedule === 'step' || schedule === 'exponential';
  const stray = decays
    ? undefined
    : (['decayFactor', 'decayEvery'] as const).find((name) => settings[name] !== undefined);
  if (stray !== undefined)
    return `${flagOf(stray)}: schedule ${schedule} has none; leave it out, or choose --schedule step or exponential`;
  return warmUp < steps ? null : `--warm-up ${warmUp}: expected fewer than the ${steps} steps of the run`;
}

/**
 * Learning rate of a step, counted from 0. With t of T steps done since the warm-up, as a share of the full rate:
 *
 *   cosine        (1 + cos(pi t / T)) / 2                       Loshchilov and Hutter 2017, eq. 5, without restarts
 *   linear        1 - t / T
 *   step          factor^floor(t / every)
 *   exponential   factor^(t / every)
 *
 * and (step + 1) / warm-up in the warm-up (Goyal et al. 2017, section 2.2).
 */
export function learningRateAt(settings: ScheduleSettings, step: number): number {
  const { learningRate, schedule, steps, warmUp = 0, decayFactor = 0.1 } = settings;
  if (step < warmUp) return (learningRate * (step + 1)) / warmUp;
  const [done, all] = [step - warmUp, Math.max(1, steps - warmUp)];
  const every = settings.decayEvery ?? Math.max(1, Math.round(steps / 3));
  switch (schedule) {
    case 'constant':
      return learningRate;
    case 'cosine':
      return (learningRate * (1 + Math.cos((Math.PI * done) / all))) / 2;
    case 'linear':
      return learningRate * (1 - done / all);
    case 'step':
      return learningRate * decayFactor ** Math.floor(done / every);
    case 'exponential':
      return learningRate * decayFactor ** (done / every);
  }
}
