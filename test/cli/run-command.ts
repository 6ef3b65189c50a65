import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The script that `generatrix` is. */
export const launcher = fileURLToPath(new URL('../../training/cli/bin/generatrix.mjs', import.meta.url));

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `generatrix` with these arguments in a process of its own. */
export function startCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): { child: ChildProcess; outcome: Promise<Outcome> } {
  const child = spawn(process.execPath, [launcher, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, ...output }));
  });
  return { child, outcome };
}

/** Runs `generatrix` to its end. */
export function runCommand(...args: string[]): Promise<Outcome> {
  return startCommand(args).outcome;
}

/** Waits until a file's text satisfies the test. */
export async function waitForFile(path: string, test: (text: string) => boolean): Promise<void> {
  for (;;) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (test(text)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
