import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../files/atomic.ts';

const fileName = 'run-time.json';
const schema = z.object({
  wallSeconds: z.number().nonnegative(),
  processorSeconds: z.number().nonnegative(),
});

/** What a run took so far, in all processes that trained it: also those that were stopped. */
export type RunTime = z.infer<typeof schema>;

/** The time of a run; null where none was recorded, as in runs of earlier releases. */
export async function readRunTime(folder: string): Promise<RunTime | null> {
  const text = await readFile(join(folder, fileName), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * Measures from here on. @returns what adds the time since then to the folder's; processor time is that of the whole
 * process and its threads, whatever else it does.
 */
export function timedRun(folder: string): () => Promise<void> {
  const began = performance.now();
  const before = process.cpuUsage();
  return async () => {
    const { user, system } = process.cpuUsage(before);
    const earlier = (await readRunTime(folder)) ?? { wallSeconds: 0, processorSeconds: 0 };
    const time: RunTime = {
      wallSeconds: earlier.wallSeconds + (performance.now() - began) / 1000,
      processorSeconds: earlier.processorSeconds + (user + system) / 1e6,
    };
    await writeFileAtomic(join(folder, fileName), `${JSON.stringify(time, null, 2)}\n`);
  };
}
