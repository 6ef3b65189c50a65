import { asUserError } from '@generatrix/training/errors';
import { Command } from 'commander';
import { version } from './version.ts';

/** What adds each subcommand, imported when it is needed: most of them never load TensorFlow.js. */
const subcommands: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  start: async () => (await import('./start.ts')).addStart,
  inspect: async () => (await import('./inspect.ts')).addInspect,
  train: async () => (await import('./train.ts')).addTrain,
  resume: async () => (await import('./train.ts')).addResume,
  reproduce: async () => (await import('./reproduce.ts')).addReproduce,
  sample: async () => (await import('./sample.ts')).addSample,
  'draw-many': async () => (await import('./draw-many.ts')).addDrawMany,
  synthesize: async () => (await import('./synthesize.ts')).addSynthesize,
  complete: async () => (await import('./complete.ts')).addComplete,
  compare: async () => (await import('./compare.ts')).addCompare,
  partition: async () => (await import('./partition.ts')).addPartition,
  score: async () => (await import('./score.ts')).addScore,
  evaluate: async () => (await import('./evaluate.ts')).addEvaluate,
  export: async () => (await import('./export.ts')).addExport,
  import: async () => (await import('./import.ts')).addImport,
  parity: async () => (await import('./parity.ts')).addParity,
  new: async () => (await import('./new.ts')).addNew,
  check: async () => (await import('./check.ts')).addCheck,
  serve: async () => (await import('./serve.ts')).addServe,
  cuda: async () => (await import('./cuda.ts')).addCuda,
  site: async () => (await import('./build-site.ts')).addSite,
  list: async () => (await import('./list.ts')).addList,
};

/** Commands that may be given modules of the user's: families and data sets. */
const withModules = ['train', 'check', 'list', 'evaluate', 'score', 'complete', 'inspect'];

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
 * Runs the command line. What the user got wrong, and what the system refused (a full disk, a missing permission), is
 * one line on standard error and exit status 1; a defect of the program shows its stack trace.
 */
export async function main(argv: string[]): Promise<void> {
  // What reads our output may end first, as `head` does.
  process.stdout.on('error', endQuietly);
  process.stderr.on('error', endQuietly);
  process.on('uncaughtException', report);
  try {
    const named = withModules.includes(argv[2] ?? '')
      ? await (await import('./plugins.ts')).withPlugins(argv)
      : argv;
    await (await createProgram(named[2])).parseAsync(named);
  } catch (error) {
    report(error);
  } finally {
    process.off('uncaughtException', report);
    process.stdout.off('error', endQuietly);
    process.stderr.off('error', endQuietly);
  }
}

function report(error: unknown): void {
  const known = asUserError(error);
  if (known === null) console.error(error);
  else console.error(`generatrix: ${known.message}`);
  process.exitCode = 1;
}

function endQuietly(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
}
