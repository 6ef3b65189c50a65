import { UserError } from '@generatrix/runtime/core';
import { Command } from 'commander';
import { version } from './version.ts';

/** What adds each subcommand, imported when it is needed: most of them never load TensorFlow.js. */
const subcommands: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  start: async () => (await import('./start.ts')).addStart,
  train: async () => (await import('./train.ts')).addTrain,
  resume: async () => (await import('./train.ts')).addResume,
  sample: async () => (await import('./sample.ts')).addSample,
  complete: async () => (await import('./complete.ts')).addComplete,
  score: async () => (await import('./score.ts')).addScore,
  evaluate: async () => (await import('./evaluate.ts')).addEvaluate,
  export: async () => (await import('./export.ts')).addExport,
  parity: async () => (await import('./parity.ts')).addParity,
  serve: async () => (await import('./serve.ts')).addServe,
  list: async () => (await import('./list.ts')).addList,
};

/** The `generatrix` command with the one subcommand that is named, or with all of them where none is. */
async function createProgram(named: string | undefined): Promise<Command> {
  const program = new Command('generatrix')
    .description('Train generative models without Python, export them, and sample them anywhere ONNX runs')
    .version(version)
    .showHelpAfterError('(add --help for what can be given)')
    .configureHelp({ sortSubcommands: false });
  if (named === '--version' || named === '-V') return program;
  const one = Object.hasOwn(subcommands, named ?? '') ? [subcommands[named!]!] : Object.values(subcommands);
  for (const load of one) (await load())(program);
  return program;
}

/**
 * Runs the command line. What the user got wrong is one line on standard error and exit status 1; a defect of the
 * program shows its stack trace.
 */
export async function main(argv: string[]): Promise<void> {
  try {
    await (await createProgram(argv[2])).parseAsync(argv);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(`generatrix: ${error.message}`);
    process.exitCode = 1;
  }
}
