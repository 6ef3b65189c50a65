import { checkFamily, type Family, knownFamilies, loadDataset } from '@generatrix/training';
import type { Command } from 'commander';
import {
  addDataFlags,
  addDatasetOptionFlags,
  addOptionFlags,
  dataRequest,
  optionsGiven,
  wholeNumber,
} from './flags.ts';

interface CheckFlags extends Readonly<Record<string, unknown>> {
  readonly data?: string;
  readonly steps: string;
}

/** `generatrix check FAMILY`: does it hold to what training, the exporter and the runtime expect of a family? */
export function addCheck(program: Command): void {
  const parent = program
    .command('check')
    .description(
      'check a family, such as one of your own: compiled against eager, shapes, what training moves, its bundle',
    )
    .usage('<family or module of one> [options]');
  for (const family of knownFamilies()) {
    const command = parent.command(family.name).description(family.title);
    addDataFlags(command, 'tiny images, points and sounds, those that it takes');
    command.option('--steps <n>', 'steps after which what is reported has gone its way', '200');
    addOptionFlags(command, family.options, {}, `family ${family.name}`);
    addDatasetOptionFlags(command);
    command.action(async (flags: CheckFlags) => check(family, flags));
  }
}

/** Prints a line for each check; exit status 1 when one fails. */
async function check(family: Family, flags: CheckFlags): Promise<void> {
  const dataset = flags.data === undefined ? undefined : await loadDataset(dataRequest(flags, 'train', 1));
  const request = {
    options: optionsGiven(family.options, flags),
    steps: wholeNumber('--steps', 20)(flags.steps),
    ...(dataset && { dataset }),
  };
  let [count, failed] = [0, 0];
  for await (const { data, title, problem } of checkFamily(family, request)) {
    count++;
    if (problem !== null) failed++;
    console.log(
      `${problem === null ? 'ok    ' : 'FAILED'} ${data}: ${title}${problem === null ? '' : `: ${problem}`}`,
    );
  }
  console.log(
    failed === 0
      ? `${family.name}: all ${count} checks hold`
      : `${family.name}: ${failed} of ${count} checks fail`,
  );
  if (failed > 0) process.exitCode = 1;
}
