import { randomBytes } from 'node:crypto';
import { readFileSync, unlinkSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { z } from 'zod';
import { systemCode, systemError } from '../errors/system-error.ts';
import { ownerSchema, statusOf, thisProcess } from './process-owner.ts';

const recordSchema = ownerSchema.extend({
  format: z.literal('generatrix-lock'),
  /** When the lock was taken, ISO 8601. */
  since: z.string(),
  /** Tells this lock from every other one. */
  token: z.string(),
});
type LockRecord = z.infer<typeof recordSchema>;

/** A lock that is held until it is released; at the end of the process at the latest. */
export interface Lock {
  release(): Promise<void>;
}

/** Locks of locks, each only for the instant of taking over from a process that died; deeper ones never arise. */
const deepest = 3;
const patience = { tries: 50, milliseconds: 20 };

/**
 * Takes a lock file, which says who holds it: process, host, and when the process was started, so that a recycled
 * process id is no holder. The lock of a process that has ended is taken over, by one of several that try at once.
 * @param path the lock file; its folder must exist
 * @param what what is locked, for errors, such as a run's folder
 * @param options.warn takes the line that tells of a take-over; standard error when absent
 * @throws UserError naming the holder while it runs, and the cure when it is on another host; or when the file
 *   cannot be written.
 */
export async function takeLock(
  path: string,
  what: string,
  { warn = console.error }: { readonly warn?: (line: string) => void } = {},
): Promise<Lock> {
  return take(path, what, warn, 0);
}

async function take(path: string, what: string, warn: (line: string) => void, depth: number): Promise<Lock> {
  const record: LockRecord = {
    format: 'generatrix-lock',
    ...thisProcess(),
    since: new Date().toISOString(),
    token: randomBytes(8).toString('hex'),
  };
  for (let attempt = 0; ; attempt++) {
    if (await create(path, record)) return held(path, record);
    const holder = await readLock(path);
    // Released since; or, on file systems without hard links, just being written.
    if (holder === null && attempt < patience.tries) {
      await new Promise((resolve) => setTimeout(resolve, patience.milliseconds));
      continue;
    }
    if (holder === null) {
      throw new UserError(
        `${path}: expected a lock file, found something else; delete it if it is of no use`,
      );
    }
    refuseUnlessGone(path, what, holder);
    if (depth === deepest) throw new UserError(`${path}: left by processes that were killed; delete it`);
    // Only who holds the lock of the lock may replace it: two that saw the same dead holder cannot both win.
    const guard = await take(`${path}.takeover`, what, () => undefined, depth + 1);
    try {
      const still = await readLock(path);
      if (still?.token !== holder.token) continue;
      await replace(path, record);
    } finally {
      await guard.release();
    }
    warn(`${what}: went on after process ${holder.pid}, which ended without releasing its lock`);
    return held(path, record);
  }
}

function refuseUnlessGone(path: string, what: string, holder: LockRecord): void {
  const who = `process ${holder.pid} on ${holder.host} since ${holder.since}`;
  switch (statusOf(holder)) {
    case 'gone':
      return;
    case 'running':
      throw new UserError(`${what}: in use by ${who}; wait until it has ended, or choose another folder`);
    case 'elsewhere':
      throw new UserError(
        `${what}: locked by ${who}, which cannot be seen from here; if it has ended, delete ${path}`,
      );
  }
}

/** Creates the lock file whole, or not at all; false when there is one. */
async function create(path: string, record: LockRecord): Promise<boolean> {
  const draft = `${path}.${record.token}`;
  try {
    await writeFile(draft, json(record), { flag: 'wx' });
    try {
      await link(draft, path);
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EEXIST') return false;
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code)) throw error;
      // No hard links here (FAT, some network file systems): created exclusively, then filled.
      return await writeFile(path, json(record), { flag: 'wx' }).then(
        () => true,
        (failure: unknown) => {
          if (systemCode(failure) === 'EEXIST') return false;
          throw failure;
        },
      );
    }
    return true;
  } catch (error) {
    throw systemError(dirname(path), 'expected to write there', error);
  } finally {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

async function replace(path: string, record: LockRecord): Promise<void> {
  const draft = `${path}.${record.token}`;
  await writeFile(draft, json(record), { flag: 'wx' });
  await rename(draft, path);
}

/** Null when there is no lock file, or one that is not whole. */
async function readLock(path: string): Promise<LockRecord | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return parse(text);
}

function parse(text: string): LockRecord | null {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

const json = (record: LockRecord) => `${JSON.stringify(record)}\n`;

function held(path: string, { token }: LockRecord): Lock {
  const remove = () => {
    try {
      if (parse(readFileSync(path, 'utf8'))?.token === token) unlinkSync(path);
    } catch {
      // Gone already, or the disk is: nobody waits for a process that has ended.
    }
  };
  process.once('exit', remove);
  return {
    release: async () => {
      process.off('exit', remove);
      remove();
    },
  };
}
