import { vi } from 'vitest';
import { main } from './main.ts';

export interface CommandOutcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `generatrix` with these arguments in this process: what it prints, and the status it would end with. */
export async function command(...args: string[]): Promise<CommandOutcome> {
  const output = { stdout: '', stderr: '' };
  const to = (name: keyof typeof output) => (text?: unknown) => {
    output[name] += `${text instanceof Error ? (text.stack ?? text.message) : String(text ?? '')}\n`;
  };
  const raw = (name: keyof typeof output) => (text: string | Uint8Array) => {
    output[name] += String(text);
    return true;
  };
  const spies = [
    vi.spyOn(console, 'log').mockImplementation(to('stdout')),
    vi.spyOn(console, 'warn').mockImplementation(to('stderr')),
    vi.spyOn(console, 'error').mockImplementation(to('stderr')),
    vi.spyOn(process.stdout, 'write').mockImplementation(raw('stdout')),
    vi.spyOn(process.stderr, 'write').mockImplementation(raw('stderr')),
    vi.spyOn(process, 'exit').mockImplementation((code) => {
      throw new Exit(Number(code ?? 0));
    }),
  ];
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    await main(['node', 'generatrix', ...args]);
    return { status: Number(process.exitCode ?? 0), ...output };
  } catch (error) {
    if (error instanceof Exit) return { status: error.code, ...output };
    throw error;
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}

/** What commander ends the process with. */
class Exit extends Error {
  constructor(readonly code: number) {
    super(`exit ${code}`);
  }
}
