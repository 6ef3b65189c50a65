import { join } from 'node:path';
import { loadSampler } from '@generatrix/runtime';
import { renderSamples } from '@generatrix/runtime/media';
import { exportRun } from '@generatrix/training';
import { writeFileAtomic } from '@generatrix/training/files';
import type { RunSettingsInput } from '@generatrix/training/record';
import type { Command } from 'commander';
import { wholeNumber } from './flags.ts';
import { printParity } from './parity.ts';
import { builtSite, serveSite } from './site.ts';
import { checkTourFolders, rememberBundle } from './tour-folder.ts';
import { trainInTerminal } from './train.ts';
import { zooFolder } from './zoo.ts';

interface StartFlags {
  readonly serve: boolean;
  readonly port: string;
  readonly steps: string;
  readonly out: string;
}

/** Drawn digits that the VAE's bundle brings along, for training it in the page. */
const trainingExamples = 1000;

/** The models of the tour: one trained by gradients, one by EM. */
const tour = (steps: number): Record<string, Partial<RunSettingsInput>> => ({
  vae: {
    family: 'vae',
    options: { latent: 16, hidden: [400, 200] },
    data: { name: 'glyphs' },
    steps,
    batchSize: 100,
    learningRate: 1e-3,
  },
  gmm: {
    family: 'gmm',
    options: { components: 8, covariance: 'full' },
    data: { name: 'ring8' },
    steps: Math.min(steps, 200),
    batchSize: 1000,
    learningRate: 0,
  },
});

/** `generatrix start`: the whole tour on built-in data, on this CPU, in a minute or so. */
export function addStart(program: Command): void {
  program
    .command('start')
    .description(
      'the tour: train a VAE and a mixture on built-in data, export, check parity, sample, serve the page with these and the models that come along',
    )
    .option('--no-serve', 'stop after writing the samples')
    .option('--port <n>', 'first port to try for the page', '8080')
    .option('--steps <n>', 'training steps of the VAE', '2000')
    .option('--out <folder>', 'where runs and models go; what an earlier tour left there is replaced', '.')
    .action(async (flags: StartFlags) => {
      const port = wholeNumber('--port', 0, 65_535)(flags.port);
      const models = join(flags.out, 'models');
      const chosen = Object.entries(tour(wholeNumber('--steps', 1)(flags.steps)));
      for (const [name] of chosen) await checkTourFolders(runOf(flags.out, name), join(models, name));
      for (const [name, settings] of chosen) {
        await tourModel(name, settings, flags.out, models);
        if (process.exitCode !== undefined) return;
      }
      if (!flags.serve) return;
      console.log('\nBuilding the page ...');
      // The models trained here go before those that came along.
      const server = await serveSite(await builtSite(), [models, zooFolder()], port);
      console.log(`The models run in your browser at ${server.url} (Ctrl-C stops the server)`);
      await new Promise<void>((resolve) => process.once('SIGINT', resolve));
      await server.close();
    });
}

const runOf = (out: string, name: string) => join(out, 'runs', 'start', name);

async function tourModel(
  name: string,
  settings: Partial<RunSettingsInput>,
  out: string,
  models: string,
): Promise<void> {
  const run = runOf(out, name);
  const steps = settings.steps!;
  const often = (parts: number) => Math.max(1, Math.round(steps / parts));
  console.log(`\nTraining ${settings.family} on ${settings.data!.name}: ${steps} steps in ${run}`);
  const result = await trainInTerminal(
    run,
    {
      seed: 1,
      schedule: 'constant',
      engine: 'onnx',
      device: 'cpu',
      reportEvery: often(100),
      evaluateEvery: often(5),
      checkpointEvery: often(2),
      ...settings,
    } as RunSettingsInput,
    { onSamples: (step, path) => console.log(`samples after step ${step}: ${path}`) },
    { overwrite: true, origin: 'tour' },
  );
  if (!result.finished) return;
  const bundle = join(models, name);
  // The page trains the VAE in the tab: its step and some drawn digits travel along.
  const trainable = settings.family === 'vae' ? { examples: trainingExamples } : null;
  await exportRun(run, bundle, ['shared', 'graph-model'], result.engine, trainable, { overwrite: true });
  await rememberBundle(run, bundle);
  console.log(`exported ${bundle}; compared with every runtime here:`);
  await printParity(bundle, ['tfjs', 'cpu']);
  const sampler = await loadSampler(bundle, { device: 'cpu' });
  const { data } = await sampler.sample({ count: settings.family === 'gmm' ? 1000 : 64, seed: 42 });
  const { bytes } = await renderSamples(data, sampler.manifest.data, { scale: 2 });
  await sampler.release();
  const picture = join(run, 'samples.png');
  await writeFileAtomic(picture, bytes);
  console.log(`samples with seed 42: ${picture}`);
}
