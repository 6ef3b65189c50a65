import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { readMetrics, readRun } from '@generatrix/training/record';

/** Runs `generatrix` to its end, its output into the log. @returns its exit status, 1 when a signal ended it. */
export function runProcess(
  launcher: string,
  args: readonly string[],
  log: string,
  signal: AbortSignal,
): Promise<number> {
  const file = openSync(log, 'a');
  // A process group of its own: Ctrl-C in the terminal reaches it once, through this process.
  const child = spawn(process.execPath, [launcher, ...args], {
    stdio: ['ignore', file, file],
    detached: true,
  });
  const interrupt = () => child.kill('SIGINT');
  signal.addEventListener('abort', interrupt);
  return new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status ?? 1));
  }).finally(() => {
    signal.removeEventListener('abort', interrupt);
    closeSync(file);
  });
}

/** The last line of a log: why a process failed. */
export async function lastLine(path: string): Promise<string> {
  const lines = (await readFile(path, 'utf8').catch(() => '')).trimEnd().split('\n');
  return lines.at(-1)?.trim() || 'it said nothing';
}

/** How far the run in a folder is, as a line. */
export async function progressOf(run: string, name: string): Promise<string> {
  try {
    const { settings } = await readRun(run);
    const last = (await readMetrics(`${run}/metrics.jsonl`)).at(-1);
    return `${name}: step ${last?.step ?? 0} of ${settings.steps}`;
  } catch {
    return `${name}: getting ready`;
  }
}
