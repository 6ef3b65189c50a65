import { UserError } from '@generatrix/runtime/core';
import { closestNames } from '../errors/closest-names.ts';
import { checkMemory } from '../files/limits.ts';
import { audioFolder } from './audio-folder.ts';
import { csv } from './csv.ts';
import type { Dataset, DatasetRequest } from './dataset.ts';
import { type DatasetPlugin, datasetPlugins, loadDatasetPlugin, loadPart } from './dataset-plugin.ts';
import { digits8, glyphs } from './glyphs.ts';
import { imageFolder } from './image-folder.ts';
import { mnist } from './mnist.ts';
import { notes } from './notes.ts';
import { npy } from './npy-dataset.ts';
import { parquet } from './parquet.ts';
import { type PointDistributionName, pointDistributions } from './point-distributions.ts';
import { points } from './points.ts';
import { tableRowsDataset } from './table-rows-dataset.ts';
import { webdataset } from './webdataset.ts';

/** A setting of a request besides its name, split, the rule of the split, and seed. */
export type DatasetOption = Exclude<
  keyof DatasetRequest,
  'name' | 'split' | 'seed' | 'splitRule' | 'plugin' | 'options'
>;

/** What `generatrix list` shows of a data set. */
export interface DatasetEntry {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly kind: 'image' | 'points' | 'audio' | 'points or image';
  /** What `dir` must name. */
  readonly needs: 'nothing' | 'folder' | 'file';
  /** The settings that it reads; a request with another one is refused. */
  readonly options: readonly DatasetOption[];
}

/** A request for data on disk, where it is. */
type FileRequest = DatasetRequest & { readonly dir: string };

interface DrawnEntry extends DatasetEntry {
  readonly needs: 'nothing';
  /** Memory that an example takes, bytes: its values and its label. */
  readonly exampleBytes: number;
  load(request: DatasetRequest): Dataset;
}

interface FileEntry extends DatasetEntry {
  readonly needs: 'folder' | 'file';
  load(request: FileRequest): Promise<Dataset>;
}

type LoadableEntry = DrawnEntry | FileEntry;

/** The command-line flag that sets each option. */
export const datasetFlags: Readonly<Record<DatasetOption, string>> = {
  dir: '--data-dir',
  size: '--data-size',
  splitSeed: '--split-seed',
  imageSize: '--image-size',
  channels: '--channels',
  cacheBytes: '--data-cache',
  sampleRate: '--sample-rate',
  clipSeconds: '--clip-seconds',
  labelColumn: '--label-column',
  delimiter: '--delimiter',
  decimal: '--decimal',
  header: '--header',
  missing: '--missing',
  standardise: '--standardise',
  dropColumns: '--drop-columns',
};

const drawn = { needs: 'nothing', options: ['size'] } as const;
const fromDisk = ['dir', 'size', 'splitSeed'] as const;
const imageLayout = ['imageSize', 'channels', 'cacheBytes'] as const;

const entries: readonly LoadableEntry[] = [
  {
    ...drawn,
    name: 'glyphs',
    aliases: [],
    summary: 'drawn digits, 28x28 grey, with known slant, thickness and scale',
    kind: 'image',
    exampleBytes: 28 * 28 + 5,
    load: glyphs,
  },
  {
    ...drawn,
    name: 'digits8',
    aliases: [],
    summary: 'the same digits at 8x8',
    kind: 'image',
    exampleBytes: 8 * 8 + 5,
    load: digits8,
  },
  {
    ...drawn,
    name: 'notes',
    aliases: [],
    summary: 'plucked notes of five pitches, a quarter of a second at 4 kHz',
    kind: 'audio',
    exampleBytes: 4000 + 4,
    load: notes,
  },
  ...(Object.keys(pointDistributions) as PointDistributionName[]).map(
    (name): DrawnEntry => ({
      ...drawn,
      name,
      aliases: name === 'ring8' ? ['rings'] : [],
      summary: pointDistributions[name].summary,
      kind: 'points',
      exampleBytes: 3 * 4,
      load: (request) => points(name, request),
    }),
  ),
  {
    name: 'mnist',
    aliases: [],
    summary: 'MNIST or another set in its IDX files',
    kind: 'image',
    needs: 'folder',
    options: [...fromDisk, 'cacheBytes'],
    load: mnist,
  },
  {
    name: 'images',
    aliases: [],
    summary: 'a folder of PNG, JPEG, WebP, GIF, AVIF or TIFF images; sub-folders are classes',
    kind: 'image',
    needs: 'folder',
    options: [...fromDisk, ...imageLayout],
    load: imageFolder,
  },
  {
    name: 'webdataset',
    aliases: [],
    summary: 'images in WebDataset .tar shards, with their classes in .cls or .json',
    kind: 'image',
    needs: 'folder',
    options: [...fromDisk, ...imageLayout],
    load: webdataset,
  },
  {
    name: 'parquet',
    aliases: [],
    summary: 'Parquet files: columns of numbers, or images as Hugging Face writes them',
    kind: 'points or image',
    needs: 'folder',
    options: [...fromDisk, ...imageLayout, 'labelColumn'],
    load: parquet,
  },
  {
    name: 'audio',
    aliases: ['wav'],
    summary: 'a folder of WAV, FLAC, Ogg or MP3 files, cut into clips',
    kind: 'audio',
    needs: 'folder',
    options: [...fromDisk, 'sampleRate', 'clipSeconds'],
    load: audioFolder,
  },
  {
    name: 'csv',
    aliases: [],
    summary: 'a table of numbers: comma-, semicolon- or tab-separated text',
    kind: 'points',
    needs: 'file',
    options: [...fromDisk, 'labelColumn', 'delimiter', 'decimal', 'header', 'missing', 'standardise'],
    load: csv,
  },
  {
    name: 'table',
    aliases: [],
    summary: 'a table of numbers and categories as text; models draw rows of it',
    kind: 'points',
    needs: 'file',
    options: [...fromDisk, 'labelColumn', 'delimiter', 'decimal', 'header', 'dropColumns'],
    load: tableRowsDataset,
  },
  {
    name: 'npy',
    aliases: [],
    summary: 'a NumPy array of points or images',
    kind: 'points or image',
    needs: 'file',
    options: [...fromDisk, 'cacheBytes'],
    load: npy,
  },
];

/** Every data set of this package that `loadDataset` knows, in the order to list them. */
export const datasetCatalogue: readonly DatasetEntry[] = entries;

/** Names of the data sets of this package, which none of the user's may have. */
export const datasetNames: readonly string[] = entries.flatMap(({ name, aliases }) => [name, ...aliases]);

/**
 * Loads one split of a data set.
 * @throws UserError when the name is unknown, a setting is missing, unread or out of range, or the files
 * cannot be used.
 */
export async function loadDataset(request: DatasetRequest): Promise<Dataset> {
  const plugin = await pluginOf(request);
  if (plugin !== undefined) {
    checkOptions({ ...plugin, options: plugin.reads }, request);
    return loadPart(plugin, request);
  }
  const entry = entries.find(({ name, aliases }) => name === request.name || aliases.includes(request.name));
  if (!entry) {
    const known = closestNames(request.name, [...datasetNames, ...datasetPlugins().map(({ name }) => name)]);
    throw new UserError(`unknown data set ${request.name}: expected one of ${known.join(', ')}`);
  }
  checkOptions(entry, request);
  if (entry.needs === 'nothing' && request.size !== undefined) {
    checkMemory(datasetFlags.size, request.size, entry.exampleBytes, 'examples');
  }
  return entry.needs === 'nothing' ? entry.load(request) : entry.load({ ...request, dir: request.dir! });
}

/** The data set of the user's that is asked for, loaded where the request names its module. */
async function pluginOf({ name, plugin }: DatasetRequest): Promise<DatasetPlugin | undefined> {
  if (plugin === undefined) return datasetPlugins().find((known) => known.name === name);
  const loaded = await loadDatasetPlugin(plugin, datasetNames);
  if (loaded.name === name) return loaded;
  throw new UserError(
    `${plugin}: expected data set '${name}', it defines '${loaded.name}'; put that one back`,
  );
}

/** Does the data set of this name or alias lie in files, rather than being drawn by the seed? */
export function readsFiles(name: string): boolean {
  return entries.some((entry) => entry.needs !== 'nothing' && [entry.name, ...entry.aliases].includes(name));
}

/** Is it a data set of images in files, which are made alike by a size and a number of channels? */
export function readsImageFiles(name: string): boolean {
  const entry = entries.find((known) => known.name === name || known.aliases.includes(name));
  return entry?.options.includes('imageSize') === true;
}

function checkOptions(
  entry: Pick<DatasetEntry, 'name' | 'options'> & Partial<Pick<DatasetEntry, 'needs'>>,
  request: DatasetRequest,
): void {
  for (const option of Object.keys(datasetFlags) as DatasetOption[]) {
    if (request[option] === undefined || entry.options.includes(option)) continue;
    const read =
      entry.options.map((name) => datasetFlags[name]).join(', ') || 'none of the flags of data sets';
    throw new UserError(
      `data set ${entry.name} does not read ${datasetFlags[option]}: it reads ${read}; leave it out`,
    );
  }
  if ((entry.needs === 'file' || entry.needs === 'folder') && !request.dir) {
    throw new UserError(`data set ${entry.name} needs a ${entry.needs}: name it with ${datasetFlags.dir}`);
  }
  for (const option of ['size', 'sampleRate'] as const)
    refuseUnless(option, request, 'a whole number above 0', isCount);
  for (const option of ['seed', 'splitSeed', 'cacheBytes'] as const)
    refuseUnless(option, request, 'a whole number from 0', isSeed);
  for (const [option, choices] of Object.entries(choicesOf) as [DatasetOption, readonly string[]][])
    refuseUnless(option, request, choices.join(', '), (value) => choices.includes(String(value)));
  refuseUnless('channels', request, '1 or 3', (value) => value === 1 || value === 3);
  refuseUnless(
    'clipSeconds',
    request,
    'a number above 0',
    (value) => Number.isFinite(value) && Number(value) > 0,
  );
  refuseUnless(
    'imageSize',
    request,
    `height and width of 1 to ${longestSide} pixels`,
    (value) => Array.isArray(value) && value.every((side) => isCount(side) && side <= longestSide),
  );
}

/** What the options of tables accept. */
const choicesOf: Partial<Record<DatasetOption, readonly string[]>> = {
  delimiter: [',', ';', '|', '\t'],
  decimal: ['.', ','],
  header: ['yes', 'no', 'auto'],
  missing: ['refuse', 'drop', 'mean'],
  standardise: ['yes', 'no'],
};

/** Pixels: no image is resized to more a side. */
const longestSide = 16_384;

const isSeed = (value: unknown): boolean => value === 0 || isCount(value);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) > 0;

function refuseUnless(
  option: DatasetOption | 'seed',
  request: DatasetRequest,
  expected: string,
  accepts: (value: unknown) => boolean,
): void {
  const value = request[option];
  if (value === undefined || accepts(value)) return;
  throw new UserError(
    `${option === 'seed' ? '--seed' : datasetFlags[option]} ${String(value)}: expected ${expected}`,
  );
}
