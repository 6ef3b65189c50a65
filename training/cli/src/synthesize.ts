import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSampler } from '@generatrix/runtime';
import { randomSeed, UserError } from '@generatrix/runtime/core';
import { bundleFolder, familyNamed } from '@generatrix/training';
import { type DatasetRequest, type RowPrivacy, readTableRows, rowPrivacy } from '@generatrix/training/data';
import { checkFileWritable } from '@generatrix/training/files';
import { hasRun } from '@generatrix/training/record';
import type { Command } from 'commander';
import { deviceOption, labelsOption, wholeNumber } from './flags.ts';
import { columnsOf, isTable, writeSampleTable } from './sample-table.ts';
import { trainInTerminal } from './train.ts';
import { trainSettings } from './train-settings.ts';

interface SynthesizeFlags {
  readonly rows: string;
  readonly out: string;
  readonly target?: string;
  readonly labels?: 'balanced' | 'data';
  readonly dropColumns?: string;
  readonly delimiter?: string;
  readonly decimal?: string;
  readonly header?: string;
  readonly seed?: string;
  readonly steps: string;
  readonly keep?: string;
  readonly overwrite?: boolean;
  readonly device: 'auto' | 'cpu' | 'cuda' | 'webgpu';
  readonly threads?: string;
}

/** Widths and weights of TVAE for tables of thousands of rows; its loss counts the likelihood twice, as `beta` does. */
const options = { latent: '32', hidden: '128,128', beta: '0.5' };

/** `generatrix synthesize TABLE`: trains a model of a table and draws rows of it. */
export function addSynthesize(program: Command): void {
  program
    .command('synthesize')
    .description('train a model of a CSV table and write synthetic rows')
    .argument('<table>', 'CSV file of numbers and categories, or a folder with train.csv and test.csv')
    .option('--rows <n>', 'rows to write', '1000')
    .option('--out <file>', '.csv, with the columns of the table', 'synthetic.csv')
    .option('--target <column>', 'class of a row, which the model is told: rows have their class for sure')
    .addOption(labelsOption('as in the table'))
    .option('--drop-columns <names>', 'columns that are left out, such as identifiers, separated by commas')
    .option('--delimiter <character>', 'what stands between cells, tab for a tab (default: found out)')
    .option('--decimal <.|,>', "the table's decimal mark (default .)")
    .option('--header <yes|no|auto>', 'whether the first row names the columns (default auto)')
    .option('--seed <n>', 'seed of the training and of the rows (default: a random one, printed)')
    .option('--steps <n>', 'training steps', '3000')
    .option('--keep <folder>', 'keep the run with its bundle there, for `generatrix sample` and `serve`')
    .option('--overwrite', 'replace a run that is in that folder')
    .addOption(deviceOption())
    .option('--threads <n>', 'threads on the CPU (default: one a core)')
    .action(async (table: string, flags: SynthesizeFlags) => {
      if (flags.keep !== undefined) return synthesize(table, flags, flags.keep);
      const folder = await mkdtemp(join(tmpdir(), 'generatrix-synthesize-'));
      try {
        await synthesize(table, flags, folder);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}

async function synthesize(table: string, flags: SynthesizeFlags, folder: string): Promise<void> {
  const { out, target, rows, labels = 'data', overwrite = false } = flags;
  const count = wholeNumber('--rows', 1)(rows);
  if (!isTable(flags)) throw new UserError(`--out ${out}: rows of a table are written as .csv`);
  if (flags.labels !== undefined && target === undefined)
    throw new UserError('--labels: it says how classes are drawn; name their column with --target');
  if (flags.keep !== undefined && !overwrite && (await hasRun(folder)))
    throw new UserError(`${folder} already holds a run; replace it with --overwrite, or give another --keep`);
  await checkFileWritable(out);
  const seed = flags.seed === undefined ? Number(randomSeed()) : wholeNumber('--seed')(flags.seed);
  const family = familyNamed(target === undefined ? 'vae' : 'cvae');
  const { dropColumns, delimiter, decimal, header, steps, device, threads } = flags;
  const given = {
    ...{ data: 'table', dataDir: table, dropColumns, delimiter, decimal, header, labelColumn: target },
    ...{ ...options, steps, batchSize: '500', seed: String(seed), device, threads },
    // The mean of the weights draws steadier rows than the last ones.
    ema: '0.995',
  };
  const settings = trainSettings(family, given);
  const { data } = settings;
  const request = { ...data, dir: table } as DatasetRequest & { dir: string };
  // Read first, so that what is wrong with the table is said before anything is written.
  const training = await readTableRows({ ...request, split: 'train' });
  const { finished } = await trainInTerminal(folder, settings, {}, { overwrite });
  if (!finished) {
    if (flags.keep === undefined) console.error('nothing is kept of it, as --keep names no folder');
    return;
  }
  const sampler = await loadSampler(bundleFolder(folder), { device });
  const drawn: (typeof training.rows)[number][] = [];
  try {
    const columns = columnsOf(sampler.manifest.data, out);
    const classes = target === undefined ? {} : { labels };
    await writeSampleTable(
      out,
      { count, columns },
      (firstIndex, some) => sampler.sample({ count: some, seed, firstIndex, ...classes }),
      (some) => drawn.push(...some),
    );
    console.log(`wrote ${out}: ${count} rows of ${columns.length} columns, seed ${seed}`);
    const [validation, test] = [
      await readTableRows({ ...request, split: 'validation' }),
      await readTableRows({ ...request, split: 'test' }),
    ];
    const heldOut = [...validation.rows, ...test.rows];
    const measured = rowPrivacy({ synthetic: drawn, training: training.rows, heldOut }, columns);
    for (const line of privacyLines(measured, count)) console.log(line);
  } finally {
    await sampler.release();
  }
}

/** What can be said of privacy, in words. */
function privacyLines(measured: RowPrivacy, count: number): string[] {
  const { copies, chanceCopies, looked, toTraining, toHeldOut, heldOutToTraining, closerToTraining } =
    measured;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const chance = chanceCopies === null ? '' : `; of rows that the model has not seen, ${chanceCopies}`;
  const lines = [
    `privacy: ${copies} of ${count} rows (${percent(copies / count)}) are exact copies of training rows${chance}`,
  ];
  if (toHeldOut === null || closerToTraining === null || heldOutToTraining === null) return lines;
  return [
    ...lines,
    `privacy: distance to the closest training row, median of ${looked} rows: ${toTraining.toFixed(4)}; ` +
      `of held-out rows to it ${heldOutToTraining.toFixed(4)} (Gower: 0 for the same, 1 for all columns apart)`,
    `privacy: ${percent(closerToTraining)} are closer to a training row than to as many held-out rows: 50 % where the model ` +
      'remembers none. This is a measurement, no guarantee such as differential privacy',
  ];
}
