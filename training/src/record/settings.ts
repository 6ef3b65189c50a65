import { UserError } from '@generatrix/runtime/core';
import { z } from 'zod';
import { describeIssue } from '../errors/describe-issue.ts';
import { scheduleShape, strayScheduleOption } from '../model/schedule.ts';
import { trainingOptionsShape } from '../model/training-options.ts';
import { pluginFileSchema } from '../plugin/plugin-file.ts';

/** Everything that decides what a run computes; kept in the run's folder, so that resuming repeats it exactly. */
export const settingsSchema = z.strictObject({
  family: z.string(),
  /** The module that defines the family, where it is the user's own. */
  plugin: pluginFileSchema.optional(),
  options: z.record(z.string(), z.unknown()),
  data: z.looseObject({ name: z.string() }),
  seed: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  steps: z.number().int().min(1),
  batchSize: z.number().int().min(1),
  learningRate: z.number().nonnegative(),
  ...scheduleShape,
  ...trainingOptionsShape,
  engine: z.enum(['onnx', 'tfjs']),
  device: z.enum(['auto', 'cpu', 'cuda', 'webgpu']),
  /** Random changes of training images, as `--augment` has them; none when absent. */
  augment: z.string().optional(),
  /** Threads of the onnx engine on the CPU; as many as there are cores when absent. */
  threads: z.number().int().min(1).optional(),
  /** Steps between two lines of metrics. */
  reportEvery: z.number().int().min(1),
  /** Steps between two evaluations on held-out data, with a sample grid. */
  evaluateEvery: z.number().int().min(1),
  /** Steps between two checkpoints. */
  checkpointEvery: z.number().int().min(1),
  /** How many of the newest checkpoints are kept. */
  keepCheckpoints: z.number().int().min(1).default(2),
  /** `best` keeps the checkpoint with the best validation score beside the last ones, and exports it at the end. */
  keep: z.enum(['last', 'best']).default('last'),
  /** Evaluations in a row without improvement after which training stops; never when absent. */
  earlyStop: z.number().int().min(1).optional(),
  /** How much a validation score must rise to count as an improvement for `earlyStop`. */
  minDelta: z.number().nonnegative().default(0),
  /** The metric that `keep` and `earlyStop` go by; the validation likelihood (or its bound) when absent. */
  bestBy: z.string().optional(),
  /** Folder of a run whose weights this one starts with; drawn from the seed when absent. */
  initFrom: z.string().optional(),
});
export type RunSettings = z.infer<typeof settingsSchema>;
/** Settings as they may be given: those with a default may be left out. */
export type RunSettingsInput = z.input<typeof settingsSchema>;

/** Checks settings read from a file or put together from flags. @throws UserError naming the setting. */
export function parseSettings(value: unknown, where: string): RunSettings {
  const parsed = settingsSchema.safeParse(value);
  if (!parsed.success) throw new UserError(`${where}: ${describeIssue(parsed.error, value)}`);
  const stray = strayScheduleOption(parsed.data);
  if (stray !== null) throw new UserError(`${where}: ${stray}`);
  return parsed.data;
}
