import { UserError } from '@generatrix/runtime/core';
import {
  changeOf,
  type Dataset,
  type DatasetRequest,
  fingerprintOf,
  loadDataset,
  splits,
} from '../data/index.ts';
import type { Fingerprints } from './run-folder.ts';

/**
 * The fingerprint of the test part, by the request of any part; none when the data has no test part that can be read,
 * which training does not need.
 */
export async function testFingerprint(request: DatasetRequest): Promise<Pick<Fingerprints, 'test'>> {
  try {
    return { test: await fingerprintOf(await loadDataset({ ...request, split: 'test' })) };
  } catch (error) {
    if (error instanceof UserError) return {};
    throw error;
  }
}

/** The fingerprints of the parts that a run trains with. */
export async function fingerprintsOf(train: Dataset, validation: Dataset): Promise<Fingerprints> {
  return { train: await fingerprintOf(train), validation: await fingerprintOf(validation) };
}

/** What changed in the parts at hand since a run recorded them, in words; null when nothing did, or nothing was recorded. */
export function dataChange(before: Fingerprints | undefined, now: Partial<Fingerprints>): string | null {
  const changes = splits.flatMap((part) => {
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
