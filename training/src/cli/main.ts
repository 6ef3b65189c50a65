import { UserError } from '@generatrix/runtime/core';
import { Command } from 'commander';
import { addComplete } from './complete.ts';
import { addEvaluate } from './evaluate.ts';
import { addExport } from './export.ts';
import { addList } from './list.ts';
import { addParity } from './parity.ts';
import { addSample } from './sample.ts';
import { addScore } from './score.ts';
import { addServe } from './serve.ts';
import { addStart } from './start.ts';
import { addResume, addTrain } from './train.ts';
import { version } from './version.ts';

/** The `generatrix` command with all its subcommands. */
export function createProgram(): Command {
  const program = new Command('generatrix')
    .description('Train generative models without Python, export them, and sample them anywhere ONNX runs')
    .version(version)
    .showHelpAfterError('(add --help for what can be given)')
    .configureHelp({ sortSubcommands: false });
  for (const add of [
    addStart,
    addTrain,
    addResume,
    addSample,
    addComplete,
    addScore,
    addEvaluate,
    addExport,
    addParity,
    addServe,
    addList,
  ])
    add(program);
  return program;
}

/**
 * Runs the command line. What the user got wrong is one line on standard error and exit status 1; a defect of the
 * program shows its stack trace.
 */
export async function main(argv: string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(`generatrix: ${error.message}`);
    process.exitCode = 1;
  }
}
