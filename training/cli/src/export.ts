import { UserError } from '@generatrix/runtime/core';
import {
  type BundleFormat,
  exportRun,
  exportTriton,
  type PortableLoops,
  type PortableOptions,
  portableLoops,
} from '@generatrix/training';
import { type CheckpointChoice, parseChoice, readRun } from '@generatrix/training/record';
import { type Command, Option } from 'commander';
import { wholeNumber } from './flags.ts';

interface ExportFlags {
  readonly format: string;
  readonly out: string;
  readonly trainable?: boolean;
  readonly withExamples: string;
  readonly overwrite?: boolean;
  readonly checkpoint?: string;
  readonly loops?: PortableLoops;
  readonly batch?: number;
}

const formats: readonly BundleFormat[] = ['shared', 'onnx', 'graph-model'];

function parseFormats(text: string): BundleFormat[] {
  return text.split(',').map((name) => {
    const format = formats.find((known) => known === name);
    if (format === undefined)
      throw new UserError(
        `--format: expected ${formats.join(', ')} separated by commas, or triton alone, got '${text}'`,
      );
    return format;
  });
}

async function writeTriton(
  run: string,
  { out, trainable, overwrite = false, loops, batch }: ExportFlags,
  checkpoint: CheckpointChoice | undefined,
): Promise<void> {
  if (loops !== undefined || batch !== undefined) {
    throw new UserError(
      '--loops and --batch: forms of a bundle for other runtimes; with --format triton leave them out',
    );
  }
  if (trainable) throw new UserError('--trainable: a Triton repository holds no training step; leave it out');
  const models = await exportTriton(run, out, { overwrite, checkpoint });
  console.log(`wrote ${out}: a Triton model repository of ${models.join(', ')}`);
}

/** The form for other runtimes that the flags ask for, or undefined. */
function portableForm({ loops, batch }: ExportFlags): PortableOptions | undefined {
  if (loops === undefined && batch === undefined) return undefined;
  return { ...(loops !== undefined && { loops }), ...(batch !== undefined && { batch }) };
}

/** `generatrix export RUN`: a bundle from one of its checkpoints. */
export function addExport(program: Command): void {
  program
    .command('export')
    .description("write a run's trained model as a bundle")
    .argument('<run>', 'folder of the run')
    .option(
      '--format <list>',
      'shared: ONNX programs with their weights beside them, each once; onnx: ONNX files that hold all their weights, for ' +
        'other runtimes; graph-model (tfjs) besides, separated by a comma; or triton: a model repository instead',
      'shared',
    )
    .option(
      '--trainable',
      'with the training step and its state, so that the bundle can be trained, in a page too',
    )
    .option('--with-examples <n>', 'examples of the training data to put into a trainable bundle', '0')
    .option(
      '--checkpoint <which>',
      'best, last or the steps done (default: best for runs trained with --keep best, else last)',
    )
    .addOption(
      new Option(
        '--loops <form>',
        'for other runtimes: writes the programs again into portable/, their loops kept (scan), step by step (unrolled), or for the caller to run (host)',
      ).choices(portableLoops),
    )
    .option(
      '--batch <n>',
      'for other runtimes: writes the programs again into portable/, for batches of n alone',
      wholeNumber('--batch', 1),
    )
    .requiredOption('--out <folder>', 'where the bundle goes: a new or empty folder')
    .option('--overwrite', 'replace what an earlier export wrote to that folder, never anything else')
    .action(async (run: string, flags: ExportFlags) => {
      const choice = flags.checkpoint === undefined ? undefined : parseChoice(flags.checkpoint);
      if (flags.format === 'triton') {
        await writeTriton(run, flags, choice);
        return;
      }
      const chosen = parseFormats(flags.format);
      const { settings } = await readRun(run);
      const examples = wholeNumber('--with-examples')(flags.withExamples);
      if (examples > 0 && !flags.trainable) {
        throw new UserError('--with-examples: only a bundle to be trained takes examples; add --trainable');
      }
      const trainable = flags.trainable ? { examples } : null;
      const { maxRelativeError } = await exportRun(run, flags.out, chosen, settings.engine, trainable, {
        overwrite: flags.overwrite ?? false,
        checkpoint: choice,
        portable: portableForm(flags),
        onProgress: (line) => console.error(line),
      });
      console.log(
        `wrote ${flags.out}: onnxruntime agrees with tfjs to ${maxRelativeError.toExponential(1)} of the outputs' scale`,
      );
    });
}
