import {
  type DeviceRequest,
  type DrawKind,
  type LabelDistribution,
  UserError,
} from '@generatrix/runtime/core';
import { type Command, Option } from 'commander';
import { drawShards, type ShardsRequest, verifyShards } from './draw-many/draw-shards.ts';
import { type Format, formats } from './draw-many/formats.ts';
import { deviceOption, drawOption, labelsOption, realNumber, wholeNumber } from './flags.ts';
import { addCheckpointFlag, type CheckpointFlag, openModel } from './open-model.ts';

interface DrawManyFlags extends CheckpointFlag {
  readonly count: string;
  readonly seed: string;
  readonly shards: string;
  readonly shard?: string;
  readonly format: Format;
  readonly out: string;
  readonly verify?: boolean;
  readonly label?: string;
  readonly labels?: LabelDistribution;
  readonly draw?: DrawKind;
  readonly temperature?: string;
  readonly program: string;
  readonly device: DeviceRequest;
}

/** Samples are keyed by indices of 32 bits. */
const mostSamples = 2 ** 32;

/** `generatrix draw-many MODEL`: samples by the million, in shards that any number of machines draw. */
export function addDrawMany(program: Command): void {
  const command = program
    .command('draw-many')
    .description(
      'draw samples by the million into shards; drawn together or apart, they are the same samples',
    )
    .argument('<model>', 'folder of a bundle or of a run');
  addCheckpointFlag(command)
    .requiredOption('--count <n>', 'number of samples, in all shards')
    .requiredOption('--seed <n>', 'the same seed gives the same samples everywhere')
    .requiredOption('--out <folder>', 'where shards and manifest.json are written; what is there is kept')
    .option('--shards <n>', 'shards that the samples are cut into', '1')
    .option('--shard <i>', 'draw this one only, from 0 (default: all, one after the other)')
    .addOption(new Option('--format <name>', 'of the files').choices([...formats]).default('parquet'))
    .option('--verify', 'draw nothing: compare every file that is there with its hash')
    .option('--label <n>', 'class or component to sample, for models that have them')
    .addOption(labelsOption('balanced, in turn'))
    .addOption(drawOption("what the model's bundle says: means for images of a VAE"))
    .option('--temperature <x>', 'below 1 for likelier samples, for models that take it')
    .option('--program <name>', 'program to run', 'sample')
    .addOption(deviceOption())
    .action(async (model: string, flags: DrawManyFlags) => {
      const asked = requestOf(flags);
      const { sampler, close } = await openModel(model, flags);
      try {
        const verify = flags.verify === true;
        const manifest = verify
          ? await verifyShards(sampler, asked)
          : await drawShards(sampler, asked, (line) => console.log(line));
        if (manifest !== null) {
          const { count, shards } = manifest.request;
          console.log(
            `${asked.out}: ${count} samples in ${shards} shards, ${verify ? 'verified' : 'all there'}; SHA-256 of the samples ${manifest.samplesSha256}`,
          );
        } else if (verify) console.log(`${asked.out}: shard ${asked.shard} of ${asked.shards} verified`);
        else console.log(`${asked.out}: other shards are missing; manifest.json is written with the last`);
      } finally {
        await close();
      }
    });
}

function requestOf(flags: DrawManyFlags): ShardsRequest {
  const { program, format, out, label, labels, draw, temperature, shard } = flags;
  const count = wholeNumber('--count', 1)(flags.count);
  if (count > mostSamples) throw new UserError(`--count ${count}: say at most ${mostSamples}`);
  return {
    ...{ program, format, out, count },
    seed: wholeNumber('--seed')(flags.seed),
    shards: wholeNumber('--shards', 1)(flags.shards),
    ...(shard !== undefined && { shard: wholeNumber('--shard')(shard) }),
    ...(label !== undefined && { label: wholeNumber('--label')(label) }),
    ...(labels && { labels }),
    ...(draw && { draw }),
    ...(temperature !== undefined && { temperature: realNumber('--temperature')(temperature) }),
  };
}
