import type { Sampler } from '@generatrix/runtime';
import {
  type Completion,
  checkCompletion,
  completionOf,
  type DataSpec,
  type DeviceRequest,
  type DrawKind,
  type HostTensor,
  hostTensor,
  messageOf,
  sizeOf,
  UserError,
} from '@generatrix/runtime/core';
import { decodeImageFile } from '@generatrix/runtime/media';
import type { Dataset } from '@generatrix/training/data';
import { checkMemory, writeFileAtomic } from '@generatrix/training/files';
import { type Command, Option } from 'commander';
import { withProgress } from './chain-progress.ts';
import {
  addDataFlags,
  addDatasetOptionFlags,
  deviceOption,
  drawOption,
  realNumber,
  wholeNumber,
} from './flags.ts';
import { type ModelDataFlags, modelData } from './model-data.ts';
import { addCheckpointFlag, type CheckpointFlag, openModel } from './open-model.ts';
import {
  checkBeforeSampling,
  checkSampleFile,
  isArray,
  type SampleFileFlags,
  sampleFile,
} from './sample-file.ts';

interface CompleteFlags extends ModelDataFlags, CheckpointFlag, Omit<SampleFileFlags, 'columns'> {
  readonly rows?: string;
  readonly seconds?: string;
  readonly count: string;
  readonly completions: string;
  readonly seed?: string;
  readonly label?: string;
  readonly hold?: string;
  readonly temperature?: string;
  readonly steps?: string;
  readonly strength?: string;
  readonly guidance?: string;
  readonly eta?: string;
  readonly draw?: DrawKind;
  readonly device: DeviceRequest;
}

/** `generatrix complete MODEL`: keeps the beginning of examples and draws the rest. */
export function addComplete(program: Command): void {
  const command = program
    .command('complete')
    .description('keep the beginning of examples and let a model draw the rest')
    .argument('<model>', 'folder of a bundle or of a run');
  addDataFlags(command, 'that of the training run')
    .addOption(new Option('--split <name>', 'which examples').choices(['train', 'test']).default('test'))
    .option('--data-seed <n>', 'seed of a drawn data set (default: that of the training run)')
    .option(
      '--rows <n>',
      'rows of an image that are kept (default: the upper half, none with --strength or --hold)',
    )
    .option('--hold <file>', 'image whose bright pixels are kept, of flowmatching and ddpm')
    .option(
      '--strength <x>',
      'noise that what is not kept starts from, of flowmatching and ddpm: 1 for all, less to stay near to the examples',
    )
    .option('--seconds <s>', 'seconds of sound that are kept (default: the first half)')
    .option('--count <n>', 'examples, from the first on', '8')
    .option('--completions <n>', 'completions of each', '4')
    .option('--seed <n>', 'the same seed gives the same completions (default: a random one, printed)')
    .option('--label <n>', "class of all of them, for models that have classes (default: each example's own)")
    .option('--temperature <x>', 'below 1 for likelier completions')
    .option('--steps <n>', 'steps of the chain, for models that complete by one')
    .option('--guidance <x>', 'above 1 for completions clearer of their class, for models that take it')
    .option('--eta <x>', 'noise of each step of a diffusion: 0 for none, 1 for as much as in training')
    .addOption(drawOption("what the model's bundle says"))
    .option(
      '--out <file>',
      '.png (a row for each example: what is given, then its completions), .wav or .npy (completions alone)',
      'completions.png',
    )
    .option('--scale <n>', 'pixels a side for each pixel of an image', '1')
    .addOption(deviceOption())
    .action(async (model: string, flags: CompleteFlags) => {
      const { sampler, close } = await openModel(model, flags);
      try {
        await complete(sampler, flags, model);
      } finally {
        await close();
      }
    });
  addCheckpointFlag(command);
  addDatasetOptionFlags(command);
}

/** Milliseconds that completions may take before it is shown how far they are. */
const patience = 2000;

async function complete(sampler: Sampler, flags: CompleteFlags, model: string): Promise<void> {
  const spec = sampler.manifest.data;
  const completion = completionOf(sampler);
  const known = knownOf(flags, completion, spec);
  const completions = wholeNumber('--completions', 1)(flags.completions);
  const wanted = wholeNumber('--count', 1)(flags.count);
  const chosen = {
    ...Object.fromEntries(
      (['temperature', 'strength', 'guidance', 'eta'] as const).flatMap((name) =>
        flags[name] === undefined ? [] : [[name, realNumber(`--${name}`)(flags[name])]],
      ),
    ),
    ...(flags.steps === undefined ? {} : { steps: wholeNumber('--steps')(flags.steps) }),
    ...(flags.draw === undefined ? {} : { draw: flags.draw }),
  };
  const seeded = flags.seed === undefined ? {} : { seed: wholeNumber('--seed')(flags.seed) };
  const label = flags.label === undefined ? undefined : wholeNumber('--label')(flags.label);
  const { inputs } = sampler.manifest.programs.complete!;
  if (label !== undefined && !Object.values(inputs).some(({ role }) => role === 'label')) {
    throw new UserError(`--label: ${sampler.manifest.name} has no classes; leave it out`);
  }
  checkCompletion(sampler, { ...chosen, known });
  checkSampleFile(flags, spec);
  const held = flags.hold === undefined ? {} : { held: await heldPixels(flags.hold, spec) };
  const dataset = await modelData(sampler, flags, model);
  const count = Math.min(wanted, dataset.size);
  const beside = spec.kind === 'image' && !isArray(flags) ? { columns: String(1 + completions) } : {};
  await checkBeforeSampling(
    { ...flags, ...beside },
    spec,
    count * (completions + ('columns' in beside ? 1 : 0)),
  );
  checkMemory('--completions', completions, 12 * count * sizeOf(spec.shape), 'completions');
  // Example i's completions stand together: i * completions to (i + 1) * completions.
  const examples = Int32Array.from({ length: count * completions }, (_, i) => Math.floor(i / completions));
  const data = await dataset.gather(examples);
  const { seed, data: drawn } = await withProgress('completions', patience, (onSteps) =>
    sampler.complete({
      ...{ ...seeded, ...chosen, ...labelsOf(dataset, examples, label) },
      ...{ data, known, onSteps, ...held },
    }),
  );
  const shown = spec.kind === 'image' && !isArray(flags);
  // What is refined is looked at whole.
  const looked = startsFromExamples(flags) ? spec.shape[0] : known;
  const picture = shown ? besideGiven(data, drawn, looked, completions, spec.range[0]) : drawn;
  const layout = shown ? { columns: String(1 + completions) } : {};
  await writeFileAtomic(flags.out, await sampleFile({ ...flags, ...layout }, picture, spec));
  console.log(
    `wrote ${flags.out}: ${completions} completions of each of ${count} examples, the first ${known} ${completion.unit} ` +
      `kept, seed ${seed}, on ${sampler.device}`,
  );
}

/** How much is kept, in the program's unit. */
function knownOf(flags: CompleteFlags, { unit, most }: Completion, spec: DataSpec): number {
  const { rows, seconds } = flags;
  if (spec.kind === 'audio') {
    if (rows !== undefined) throw new UserError('--rows: this model completes sound; say --seconds');
    if (seconds === undefined) return Math.floor(most / 2);
    const known = Math.round(realNumber('--seconds')(seconds) * spec.sampleRate);
    if (known >= 0 && known <= most) return known;
    throw new UserError(
      `--seconds: expected 0 to ${most / spec.sampleRate}, the clips' length, got '${seconds}'`,
    );
  }
  if (seconds !== undefined) throw new UserError('--seconds: this model completes images; say --rows');
  if (rows === undefined) return startsFromExamples(flags) ? 0 : Math.floor(most / 2);
  const known = wholeNumber('--rows')(rows);
  if (known <= most) return known;
  throw new UserError(`--rows: expected 0 to ${most} ${unit}, got '${rows}'`);
}

/** Whether more of the examples matters than their first rows. */
function startsFromExamples({ strength, hold }: CompleteFlags): boolean {
  return strength !== undefined || hold !== undefined;
}

/** The pixels of an image file that are at least half bright, [1, height, width, 1]. */
async function heldPixels(file: string, spec: DataSpec): Promise<HostTensor> {
  if (spec.kind !== 'image') throw new UserError('--hold: this model completes sound; say --seconds');
  const [height, width] = spec.shape;
  const pixels = await decodeImageFile(file, { height, width, channels: 1 }).catch((error: unknown) => {
    throw new UserError(`--hold ${file}: ${messageOf(error)}`);
  });
  return hostTensor(
    'float32',
    [1, height, width, 1],
    Float32Array.from(pixels, (value) => (value >= 128 ? 1 : 0)),
  );
}

function labelsOf(
  { labels }: Dataset,
  examples: Int32Array,
  label: number | undefined,
): { readonly label?: number | Int32Array } {
  if (label !== undefined) return { label };
  return labels === null ? {} : { label: Int32Array.from(examples, (index) => labels[index]!) };
}

/** Images in the order of the grid: each example with everything that was not given in black, then its completions. */
function besideGiven(
  { data: given, shape }: HostTensor,
  { data: drawn }: HostTensor,
  known: number,
  completions: number,
  black: number,
): HostTensor {
  const [total, height, ...rest] = shape as [number, number, ...number[]];
  const size = given.length / total;
  const row = size / height;
  const count = total / completions;
  const values = new Float32Array(count * (1 + completions) * size).fill(black);
  for (let i = 0; i < count; i++) {
    const [from, to] = [i * completions * size, i * (1 + completions) * size];
    values.set(given.subarray(from, from + known * row), to);
    values.set(drawn.subarray(from, from + completions * size), to + size);
  }
  return hostTensor('float32', [count * (1 + completions), height, ...rest], values);
}
