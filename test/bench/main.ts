import { UserError } from '@generatrix/runtime';
import { loadDataset } from '@generatrix/training';
import { benchBundleSizes } from './bundle-sizes.ts';
import { benchExport } from './export.ts';
import { benchPixelcnn } from './pixelcnn.ts';
import { benchSampler } from './sampler.ts';
import { benchStep } from './training-step.ts';
import { benchWavenet } from './wavenet.ts';

const glyphs = () => loadDataset({ name: 'glyphs', split: 'train', seed: 1, size: 500 });
/** What `npm run bench` times, by name; `npm run bench -- NAME ...` runs some of it. */
const sections: Readonly<Record<string, () => Promise<void>>> = {
  export: benchExport,
  sizes: benchBundleSizes,
  sampler: benchSampler,
  step: async () => {
    await benchStep('MLP VAE step', {}, 100, await glyphs());
    await benchStep('convolutional VAE step', { architecture: 'conv' }, 32, await glyphs());
  },
  pixelcnn: benchPixelcnn,
  wavenet: benchWavenet,
};

const chosen = process.argv.slice(2);
const unknown = chosen.find((name) => !Object.hasOwn(sections, name));
if (unknown !== undefined) {
  console.error(
    new UserError(`bench: there are ${Object.keys(sections).join(', ')}, got '${unknown}'`).message,
  );
  process.exitCode = 1;
} else {
  for (const name of chosen.length === 0 ? Object.keys(sections) : chosen) await sections[name]!();
}
