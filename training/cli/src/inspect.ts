import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import {
  type DataInspection,
  type Dataset,
  type DatasetRequest,
  datasetCatalogue,
  datasetNames,
  describeDatasets,
  extensionOf,
  inspectData,
  loadDataset,
  pathKind,
  type Split,
  type ValueSummary,
} from '@generatrix/training/data';
import { writeFileAtomic } from '@generatrix/training/files';
import { formatNumber } from '@generatrix/training/report';
import type { Command } from 'commander';
import { addDatasetFlags, addDatasetOptionFlags, dataRequest, wholeNumber } from './flags.ts';
import { checkBeforeSampling, sampleFile } from './sample-file.ts';

const shown = { image: 64, points: 1000, audio: 4 } as const;

/** Data set that reads files of an extension. */
const readers: Readonly<Record<string, string>> = {
  ...{ csv: 'csv', tsv: 'csv', npy: 'npy', npz: 'npy', parquet: 'parquet', tar: 'webdataset' },
  ...{ png: 'images', jpg: 'images', jpeg: 'images', webp: 'images', gif: 'images', avif: 'images' },
  ...{ tif: 'images', tiff: 'images', wav: 'audio', flac: 'audio', ogg: 'audio', mp3: 'audio' },
};

interface InspectFlags extends Readonly<Record<string, unknown>> {
  readonly seed: string;
  readonly out?: string;
}

/** `generatrix inspect DATA`: what a data set holds, and what may spoil training on it. */
export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .description('what a data set holds: parts, values, classes, duplicates, and problems found')
    .argument(
      '<data>',
      'name of a data set, see `generatrix list`, or a path, whose format is found out, a module that defines one too',
    );
  addDatasetOptionFlags(addDatasetFlags(command))
    .option('--seed <n>', 'seed of a drawn data set', '1')
    .option('--out <file>', 'write the first training examples there: .png, .wav or .npy')
    .action(inspect);
}

async function inspect(data: string, flags: InspectFlags): Promise<void> {
  const seed = wholeNumber('--seed')(flags.seed);
  const request = await requestOf(data, dataRequest({ ...flags, data }, 'train', seed));
  const train = await loadDataset(request);
  const count = Math.min(train.size, shown[train.spec.kind]);
  const picture = flags.out === undefined ? null : { out: flags.out, scale: '2' };
  if (picture !== null) await checkBeforeSampling(picture, train.spec, count);
  const parts: Dataset[] = [train];
  const missing: string[] = [];
  for (const split of ['validation', 'test'] as const) {
    const part = await heldOut(request, split);
    if (typeof part === 'string') missing.push(`no ${split} part: ${part}`);
    else if (part.size === 0) missing.push(`the ${split} part is empty`);
    else parts.push(part);
  }
  console.log(describeDatasets(parts));
  const found = await inspectData(parts);
  for (const line of describe(found, train)) console.log(line);
  const problems = [...missing, ...found.problems];
  console.log(problems.length === 0 ? 'problems: none found' : `problems:\n  ${problems.join('\n  ')}`);
  if (picture === null) return;
  const examples = await train.gather(Int32Array.from({ length: count }, (_, i) => i));
  await writeFileAtomic(picture.out, await sampleFile(picture, examples, train.spec));
  console.log(`wrote ${picture.out}: the first ${count} training examples`);
}

/** A held-out part, or in words why there is none. */
async function heldOut(request: DatasetRequest, split: Split): Promise<Dataset | string> {
  try {
    return await loadDataset({ ...request, split });
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** The request for a data set that is named, or for a path whose format is found out. */
async function requestOf(data: string, request: DatasetRequest): Promise<DatasetRequest> {
  if (datasetNames.includes(data) || request.plugin !== undefined) return request;
  const kind = await pathKind(data);
  // What is neither is refused where data sets are loaded, with the names that are like it.
  if (kind === 'missing') return request;
  if (request.dir !== undefined)
    throw new UserError(`--data-dir ${request.dir}: the path ${data} is given already; leave one out`);
  const names = kind === 'file' ? [data] : await readdir(data, { recursive: true });
  const votes = new Map<string, number>();
  for (const file of names) {
    const name = readerOf(file);
    if (name !== undefined) votes.set(name, (votes.get(name) ?? 0) + 1);
  }
  const [most] = [...votes].sort((a, b) => b[1] - a[1]);
  if (most === undefined) {
    const known = Object.keys(readers).join(', ');
    throw new UserError(
      `${data}: expected IDX files or ${known}, found none; name the data set and --data-dir`,
    );
  }
  const [name] = most;
  const folder = datasetCatalogue.find((entry) => entry.name === name)!.needs === 'folder';
  const dir = kind === 'file' && folder && name !== 'parquet' && name !== 'webdataset' ? dirname(data) : data;
  return { ...request, name, dir };
}

function readerOf(file: string): string | undefined {
  if (/-idx\d-ubyte(\.gz)?$/.test(file)) return 'mnist';
  const extension = extensionOf(file);
  return Object.hasOwn(readers, extension) ? readers[extension] : undefined;
}

function describe(found: DataInspection, { classNames }: Dataset): string[] {
  const { parts, values, atEnds, histogram, columns } = found;
  const total = histogram.counts.reduce((sum, count) => sum + count, 0);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return [
    ...parts.map(({ split, size, looked, duplicates, inTraining }) => {
      const sample = looked < size ? `, of which ${looked} evenly spaced ones were looked at` : '';
      const overlap = split === 'train' ? '' : `, ${inTraining} also in the training part`;
      return `${split}: ${size} examples${sample}; ${duplicates} exact duplicates${overlap}`;
    }),
    ...classNames
      .slice(0, 50)
      .map((name, k) => `class ${name}: ${parts.map((p) => `${p.classCounts[k]} ${p.split}`).join(', ')}`),
    ...(classNames.length > 50 ? [`and ${classNames.length - 50} more classes`] : []),
    `values of the training examples: ${summaryText(values)}; at the ends of the range ${percent(atEnds[0])} and ${percent(atEnds[1])}`,
    ...histogram.counts.map((count, i) => {
      const [from, to] = [histogram.edges[i]!, histogram.edges[i + 1]!].map(formatNumber);
      const bar = '#'.repeat(Math.round((40 * count) / total));
      return `  ${`${from} to ${to}`.padEnd(24)} ${percent(count / total).padStart(7)} ${bar}`.trimEnd();
    }),
    ...columns.map((column, i) => `column ${i}: ${summaryText(column)}`),
  ];
}

function summaryText({ low, high, mean, deviation }: ValueSummary): string {
  return `${formatNumber(low)} to ${formatNumber(high)}, mean ${formatNumber(mean)}, standard deviation ${formatNumber(deviation)}`;
}
