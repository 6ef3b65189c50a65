import { UserError } from '@generatrix/runtime/core';
import { changeOf, type Dataset, fingerprintOf } from '../data/index.ts';
import type { Fingerprints } from './run-folder.ts';

/** The fingerprints of the parts that a run trains with. */
export async function fingerprintsOf(train: Dataset, validation: Dataset): Promise<Fingerprints> {
  return { train: await fingerprintOf(train), validation: await fingerprintOf(validation) };
}

/** What changed in the parts at hand since a run recorded them, in words; null when nothing did, or nothing was recorded. */
export function dataChange(before: Fingerprints | undefined, now: Partial<Fingerprints>): string | null {
  const changes = (['train', 'validation'] as const).flatMap((part) => {
    const [then, today] = [before?.[part], now[part]];
    const change = then === undefined || today === undefined ? null : changeOf(then, today);
    return change === null ? [] : [`the ${part} part has ${change}`];
  });
  return changes.length === 0 ? null : changes.join('; ');
}

/** @throws UserError when a run that goes on would train on other data than it began with. */
export function refuseChange(
  folder: string,
  before: Fingerprints | undefined,
  now: Partial<Fingerprints>,
): void {
  const change = dataChange(before, now);
  if (change === null) return;
  throw new UserError(
    `${folder}: expected the data that the run began with, but ${change}; give that data with --data-dir, or begin a ` +
      'new run, from these weights with --init-from',
  );
}
