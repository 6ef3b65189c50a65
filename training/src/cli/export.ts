import type { BundleFormat } from '@generatrix/export';
import { UserError } from '@generatrix/runtime/core';
import type { Command } from 'commander';
import { exportRun } from '../run/export-run.ts';
import { readRun } from '../run/run-folder.ts';

const formats: readonly BundleFormat[] = ['onnx', 'graph-model'];

function parseFormats(text: string): BundleFormat[] {
  return text.split(',').map((name) => {
    const format = formats.find((known) => known === name);
    if (format === undefined)
      throw new UserError(`--format: there are ${formats.join(' and ')}, got '${name}'`);
    return format;
  });
}

/** `generatrix export RUN`: a bundle from the latest checkpoint. */
export function addExport(program: Command): void {
  program
    .command('export')
    .description("write a run's latest checkpoint as a bundle")
    .argument('<run>', 'folder of the run')
    .option('--format <list>', 'onnx (always written) and graph-model (tfjs), separated by commas', 'onnx')
    .requiredOption('--out <folder>', 'where the bundle goes; an existing one is replaced')
    .action(async (run: string, flags: { format: string; out: string }) => {
      const chosen = parseFormats(flags.format);
      const { settings } = await readRun(run);
      const { maxRelativeError } = await exportRun(run, flags.out, chosen, settings.engine);
      console.log(
        `wrote ${flags.out}: onnxruntime agrees with tfjs to ${maxRelativeError.toExponential(1)} of the outputs' scale`,
      );
    });
}
