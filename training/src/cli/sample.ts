import { loadSampler } from '@generatrix/runtime';
import { type DeviceRequest, UserError } from '@generatrix/runtime/core';
import { canRender, npyBytes, renderSamples } from '@generatrix/runtime/media';
import { type Command, Option } from 'commander';
import { writeFileAtomic } from '../run/atomic.ts';
import { realNumber, wholeNumber } from './flags.ts';

interface SampleFlags {
  readonly count: string;
  readonly seed?: string;
  readonly label?: string;
  readonly temperature?: string;
  readonly program: string;
  readonly out: string;
  readonly device: DeviceRequest;
  readonly scale: string;
  readonly columns?: string;
}

/** `generatrix sample MODEL`: a picture, a sound or an array of samples. */
export function addSample(program: Command): void {
  program
    .command('sample')
    .description('draw samples from a trained model')
    .argument('<model>', 'folder of a bundle or of a run')
    .option('--count <n>', 'number of samples', '64')
    .option('--seed <n>', 'the same seed gives the same samples everywhere (default: a random one, printed)')
    .option('--label <n>', 'class or component to sample, for models that have them')
    .option('--temperature <x>', 'below 1 for likelier samples, for models that take it')
    .option('--program <name>', 'program to run', 'sample')
    .option('--out <file>', '.png (grid or scatter), .wav for audio, or .npy', 'samples.png')
    .option('--scale <n>', 'pixels a side for each pixel of an image', '1')
    .option('--columns <n>', 'images in a row of the grid')
    .addOption(
      new Option('--device <name>', 'where to run')
        .choices(['auto', 'cpu', 'cuda', 'webgpu'])
        .default('auto'),
    )
    .action(async (model: string, flags: SampleFlags) => {
      const count = wholeNumber('--count', 1)(flags.count);
      const sampler = await loadSampler(model, { device: flags.device });
      try {
        const { seed, data } = await sampler.sample({
          count,
          program: flags.program,
          ...(flags.seed === undefined ? {} : { seed: wholeNumber('--seed')(flags.seed) }),
          ...(flags.temperature === undefined
            ? {}
            : { temperature: realNumber('--temperature')(flags.temperature) }),
          ...(flags.label === undefined ? {} : { label: wholeNumber('--label')(flags.label) }),
        });
        const spec = sampler.manifest.data;
        await writeFileAtomic(flags.out, await encode(flags, data, spec));
        console.log(`wrote ${flags.out}: ${count} samples, seed ${seed}, on ${sampler.device}`);
      } finally {
        await sampler.release();
      }
    });
}

type Samples = Parameters<typeof renderSamples>[0];
type Spec = Parameters<typeof renderSamples>[1];

async function encode(flags: SampleFlags, samples: Samples, spec: Spec): Promise<Uint8Array> {
  if (flags.out.endsWith('.npy')) return npyBytes(samples);
  if (!canRender(spec)) {
    throw new UserError(
      `--out ${flags.out}: points of ${spec.shape[0]} dimensions cannot be drawn; write a .npy file`,
    );
  }
  const { extension, bytes } = await renderSamples(samples, spec, {
    scale: wholeNumber('--scale', 1)(flags.scale),
    ...(flags.columns === undefined ? {} : { columns: wholeNumber('--columns', 1)(flags.columns) }),
  });
  if (!flags.out.endsWith(`.${extension}`)) {
    throw new UserError(`--out ${flags.out}: samples of ${spec.kind} are written as .${extension} or .npy`);
  }
  return bytes;
}
