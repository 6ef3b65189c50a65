import { readdir, readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { makeFolder, writeFileAtomic } from '@generatrix/training/files';
import { hasRun } from '@generatrix/training/record';
import { z } from 'zod';
import { lastLine, progressOf, runProcess } from '../run-process.ts';
import type { SweepPoint } from './grid.ts';
import { type JobEnd, runJobs } from './jobs.ts';

export interface SweepRequest {
  readonly family: string;
  /** Flags that all runs share, as they were given, without `--out`. */
  readonly base: readonly string[];
  readonly points: readonly SweepPoint[];
  /** Runs at a time. */
  readonly jobs: number;
  readonly folder: string;
  /** The `generatrix` launcher, which every run is started by in a process of its own. */
  readonly launcher: string;
  /** Takes the lines that tell what starts and ends. */
  readonly say: (line: string) => void;
}

const recordName = 'sweep.json';
const recordSchema = z.object({
  format: z.literal('generatrix-sweep'),
  family: z.string(),
  base: z.array(z.string()),
});

/** Milliseconds between two looks at how far the runs are. */
const lookInterval = 20_000;

/**
 * Trains a run for each point of a grid, each in a folder of its own below the sweep's, at most `jobs` at a time. A run
 * that fails does not stop the others. The same call again does what is left: finished runs stay, stopped ones are
 * resumed. What each process says goes to `NAME.log` beside its folder.
 * @param signal Ctrl-C: no run is started after it, and those that run save and stop
 * @returns how each run ended, in the order of the points
 * @throws UserError when the folder holds something else than this sweep.
 */
export async function runSweep(request: SweepRequest, signal: AbortSignal): Promise<JobEnd<void>[]> {
  const { folder, points, jobs, say } = request;
  await claim(request);
  const running = new Set<SweepPoint>();
  const look = setInterval(() => {
    void Promise.all([...running].map(({ name }) => progressOf(join(folder, name), name))).then((lines) => {
      if (lines.length > 0) say(lines.join('; '));
    });
  }, lookInterval);
  let done = 0;
  const one = async (point: SweepPoint, stopped: AbortSignal): Promise<void> => {
    running.add(point);
    try {
      await runPoint(request, point, stopped);
      say(`${point.name}: done (${++done} of ${points.length})`);
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
      throw error;
    } finally {
      running.delete(point);
    }
  };
  try {
    return await runJobs(points, jobs, one, signal);
  } finally {
    clearInterval(look);
  }
}

/** Makes the folder this sweep's, or finds that it is. Values may be added: runs are told apart by their names. */
async function claim({ folder, family, base }: SweepRequest): Promise<void> {
  const record = {
    format: 'generatrix-sweep' as const,
    family,
    base: [...base],
  };
  const path = join(folder, recordName);
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) {
    const found = await readdir(folder).catch(() => []);
    if (found.length > 0) {
      throw new UserError(
        `${folder}: expected nothing or an earlier sweep, found ${found.length} other entries; give another --out`,
      );
    }
    await makeFolder(folder);
    await writeFileAtomic(path, `${JSON.stringify(record, null, 2)}\n`);
    return;
  }
  const known = recordSchema.safeParse(jsonOrNull(text));
  if (known.success && JSON.stringify(known.data) === JSON.stringify(record)) return;
  throw new UserError(
    `${folder}: holds a sweep whose runs share other flags; repeat them to go on with it (see ${path}), or give another --out`,
  );
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function runPoint(request: SweepRequest, point: SweepPoint, signal: AbortSignal): Promise<void> {
  const { folder, launcher, family, base, jobs, say } = request;
  const run = join(folder, point.name);
  const log = `${run}.log`;
  const known = await hasRun(run);
  // A finished run has its report; `resume` would only say that there is nothing to do.
  if (known && (await stat(join(run, 'report.html')).catch(() => null)) !== null) return;
  say(`${point.name}: ${known ? 'goes on' : 'starts'}`);
  const flags = Object.entries(point.values).flatMap(([flag, value]) => [`--${flag}`, value]);
  const threads =
    jobs === 1 || base.includes('--threads') || 'threads' in point.values
      ? []
      : ['--threads', String(Math.max(1, Math.floor(availableParallelism() / jobs)))];
  const args = known ? ['resume', run] : ['train', family, ...base, ...flags, ...threads, '--out', run];
  const status = await runProcess(launcher, args, log, signal);
  if (status === 0) return;
  const why = signal.aborted ? 'stopped' : `failed (${await lastLine(log)})`;
  throw new UserError(`${point.name}: ${why}; see ${log}`);
}
