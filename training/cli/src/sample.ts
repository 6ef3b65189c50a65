import {
  type DeviceRequest,
  type DrawKind,
  type LabelDistribution,
  type Sampler,
  type Samples,
  type StreamRequest,
  UserError,
} from '@generatrix/runtime/core';
import { writeFileAtomic } from '@generatrix/training/files';
import type { Command } from 'commander';
import { withProgress } from './chain-progress.ts';
import { deviceOption, drawOption, labelsOption, realNumber, wholeNumber } from './flags.ts';
import { addCheckpointFlag, type CheckpointFlag, openModel } from './open-model.ts';
import { writeSampleArray } from './sample-array.ts';
import { checkBeforeSampling, isArray, type SampleFileFlags, sampleFile } from './sample-file.ts';
import { columnsOf, isTable, writeSampleTable } from './sample-table.ts';

interface SampleFlags extends SampleFileFlags, CheckpointFlag {
  readonly count: string;
  readonly seed?: string;
  readonly label?: string;
  readonly labels?: LabelDistribution;
  readonly draw?: DrawKind;
  readonly temperature?: string;
  readonly steps?: string;
  readonly guidance?: string;
  readonly eta?: string;
  readonly program: string;
  readonly stream?: boolean;
  readonly device: DeviceRequest;
}

/** `generatrix sample MODEL`: a picture, a sound or an array of samples. */
export function addSample(program: Command): void {
  const command = program
    .command('sample')
    .description('draw samples from a trained model')
    .argument('<model>', 'folder of a bundle or of a run');
  addCheckpointFlag(command)
    .option('--count <n>', 'number of samples', '64')
    .option('--seed <n>', 'the same seed gives the same samples everywhere (default: a random one, printed)')
    .option('--label <n>', 'class or component to sample, for models that have them')
    .addOption(labelsOption('balanced, in turn'))
    .addOption(drawOption("what the model's bundle says: means for images of a VAE"))
    .option('--temperature <x>', 'below 1 for likelier samples, for models that take it')
    .option('--steps <n>', 'steps of a sample, for models that draw by a chain, such as diffusion')
    .option('--guidance <x>', 'above 1 for samples clearer of their class, for models that take it')
    .option('--eta <x>', 'noise of each step of a diffusion: 0 for none, 1 for as much as in training')
    .option('--program <name>', 'program to run', 'sample')
    .option('--stream', 'rewrite the file while the samples are drawn, for models that draw part by part')
    .option(
      '--out <file>',
      '.png (grid or scatter), .wav for audio, .csv for rows of a table, or .npy',
      'samples.png',
    )
    .option('--scale <n>', 'pixels a side for each pixel of an image', '1')
    .option('--columns <n>', 'images in a row of the grid')
    .addOption(deviceOption())
    .action(async (model: string, flags: SampleFlags) => {
      const request = {
        count: wholeNumber('--count', 1)(flags.count),
        ...(flags.seed === undefined ? {} : { seed: wholeNumber('--seed')(flags.seed) }),
        ...(flags.steps === undefined ? {} : { steps: wholeNumber('--steps')(flags.steps) }),
        ...Object.fromEntries(
          (['temperature', 'guidance', 'eta'] as const).flatMap((name) =>
            flags[name] === undefined ? [] : [[name, realNumber(`--${name}`)(flags[name])]],
          ),
        ),
        ...(flags.label === undefined ? {} : { label: wholeNumber('--label')(flags.label) }),
        ...(flags.labels === undefined ? {} : { labels: flags.labels }),
      };
      const draw = flags.draw === undefined ? {} : { draw: flags.draw };
      if (flags.stream === true && isTable(flags))
        throw new UserError(`--stream: rows of a table are written as they are drawn; leave it out`);
      if (flags.stream === true && flags.program !== 'sample') {
        throw new UserError(`--stream: draws what program sample draws, not --program ${flags.program}`);
      }
      const { sampler, close } = await openModel(model, flags);
      try {
        const spec = sampler.manifest.data;
        const { count } = request;
        await checkBeforeSampling(flags, spec, count);
        if ((isArray(flags) || isTable(flags)) && flags.stream !== true) {
          const part = (first: number, some: number, same?: Samples['seed']) =>
            withProgress(`samples ${first + 1} to ${first + some} of ${count}`, patience, (onSteps) =>
              sampler.sample({
                ...request,
                ...draw,
                onSteps,
                program: flags.program,
                firstIndex: first,
                count: some,
                ...(same === undefined ? {} : { seed: same }),
              }),
            );
          const seed = await (isTable(flags)
            ? writeSampleTable(flags.out, { count, columns: columnsOf(spec, flags.out) }, part)
            : writeSampleArray(flags.out, { count, shape: spec.shape }, part));
          console.log(`wrote ${flags.out}: ${count} samples, seed ${seed}, on ${sampler.device}`);
          return;
        }
        const { seed, data } = await (flags.stream === true
          ? watched(sampler, { ...request, ...draw }, flags)
          : withProgress('samples', patience, (onSteps) =>
              sampler.sample({ ...request, ...draw, onSteps, program: flags.program }),
            ));
        await writeFileAtomic(flags.out, await sampleFile(flags, data, spec));
        console.log(`wrote ${flags.out}: ${request.count} samples, seed ${seed}, on ${sampler.device}`);
      } finally {
        await close();
      }
    });
}

/** Milliseconds that samples may take before it is shown how far they are. */
const patience = 2000;

/** Milliseconds between two writes of the file; parts may come faster than a picture is encoded. */
const betweenWrites = 200;

/** Draws part by part; the file always holds what is drawn so far. */
async function watched(
  sampler: Sampler,
  request: StreamRequest,
  flags: SampleFlags,
): Promise<Pick<Samples, 'seed' | 'data'>> {
  let last: Pick<Samples, 'seed' | 'data'> | null = null;
  let written = 0;
  for await (const { seed, index, chunks, soFar } of sampler.stream(request)) {
    last = { seed, data: soFar };
    showProgress(index + 1, chunks);
    if (isArray(flags) || index + 1 === chunks || performance.now() - written < betweenWrites) continue;
    await writeFileAtomic(flags.out, await sampleFile(flags, soFar, sampler.manifest.data));
    written = performance.now();
  }
  return last!;
}

/** On a terminal one line that counts up; in a log the quarters. */
function showProgress(done: number, chunks: number): void {
  const line = `drew ${done} of ${chunks} parts`;
  if (process.stderr.isTTY) process.stderr.write(`\r${line}${done === chunks ? '\n' : ''}`);
  else if (Math.floor((4 * done) / chunks) > Math.floor((4 * (done - 1)) / chunks)) console.error(line);
}
