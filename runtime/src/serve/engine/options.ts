import { UserError } from '../../errors.ts';
import type { EngineOptions } from './engine.ts';
import type { ModelSettings } from './limits.ts';

const wholeFrom: Readonly<Partial<Record<keyof EngineOptions, number>>> = {
  workers: 1,
  threadsPerWorker: 1,
  maxBatch: 1,
  queueLimit: 1,
  maxCount: 1,
};
/** Node's timers hold no more: a longer one would fire at once. */
const longestMs = 2 ** 31 - 1;

/** @throws UserError naming the option that makes no sense. */
export function checkOptions(options: EngineOptions): void {
  for (const [name, least] of Object.entries(wholeFrom)) {
    const value = options[name as keyof EngineOptions];
    if (!Number.isSafeInteger(value) || Number(value) < least) {
      throw new UserError(`${name}: expected a whole number from ${least}, got ${String(value)}`);
    }
  }
  checkTime('maxWaitMs', options.maxWaitMs, 0);
  checkTime('timeoutMs', options.timeoutMs, 1);
  for (const [name, settings] of Object.entries(options.modelSettings ?? {})) {
    checkSettings(`modelSettings.${name}`, settings);
  }
  if (options.device === 'webgpu' && options.workers !== 1) {
    throw new UserError(`workers: webgpu has room for 1 worker, got ${options.workers}`);
  }
}

function checkSettings(where: string, settings: ModelSettings[string]): void {
  for (const [limit, value] of Object.entries(settings)) {
    if (value === undefined) continue;
    const name = `${where}.${limit}`;
    if (limit === 'maxWaitMs') checkTime(name, value, 0);
    else if (limit === 'timeoutMs') checkTime(name, value, 1);
    else if (!Number.isSafeInteger(value) || (limit !== 'priority' && value < 1)) {
      const from = limit === 'priority' ? '' : ' from 1';
      throw new UserError(`${name}: expected a whole number${from}, got ${String(value)}`);
    }
  }
}

/** @throws UserError naming the time, milliseconds. */
export function checkTime(name: string, value: number, least: number): void {
  if (value >= least && value <= longestMs) return;
  throw new UserError(`${name}: expected milliseconds from ${least} to ${longestMs}, got ${String(value)}`);
}
