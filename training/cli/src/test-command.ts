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
  let exited: CommandOutcome | null = null;
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
      exited ??= { status: Number(code ?? 0), ...output };
      throw new Error('the command ends here');
    }),
  ];
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    await main(['node', 'generatrix', ...args]);
    return exited ?? { status: Number(process.exitCode ?? 0), ...output };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}
