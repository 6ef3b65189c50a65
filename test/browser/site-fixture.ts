import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSampler, sha256Hex } from '@generatrix/runtime';
import { canRender, renderSamples } from '@generatrix/runtime/media';
import { familyCases } from '@generatrix/training/testing';
import { writeModelBundle } from '../parity/model-bundles.ts';
import { writeFixtureBundles } from './fixture-bundles.ts';
import { buildPage } from './run-program.ts';

/** The built site and bundles for it, in a folder of their own. */
export interface SiteFixture {
  readonly site: string;
  readonly models: string;
  remove(): Promise<void>;
}

/** Small models of every kind of data and of every program that a panel needs; untrained, which is enough to test. */
const chosen: Readonly<Record<string, string>> = {
  vae: 'vae, mlp',
  gmm: 'gmm, full',
  realnvp: 'realnvp, points',
  pixelcnn: 'pixelcnn',
  wavenet: 'wavenet',
  autoencoder: 'autoencoder',
};

/** Models with a page that the gallery has no card for. */
const unlisted: Readonly<Record<string, string>> = { rbm: 'rbm, persistent', ddpm: 'ddpm, images by class' };

/** Builds the site and writes the bundles `vae`, `gmm` and so on, and the fixtures of `fixture-bundles.ts`. */
export async function makeSite(): Promise<SiteFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-site-'));
  const [site, models] = [join(folder, 'site'), join(folder, 'models')];
  await buildPage(fileURLToPath(new URL('../../web-demo', import.meta.url)), site);
  await mkdir(models, { recursive: true });
  await writeFixtureBundles(models);
  const names: string[] = [];
  for (const [name, title] of Object.entries({ ...chosen, ...unlisted })) {
    const familyCase = familyCases.find((candidate) => candidate.name.startsWith(title));
    if (!familyCase) throw new Error(`there is no case '${title}' in cases.ts`);
    await writeModelBundle(join(models, name), familyCase);
    await addPoster(join(models, name));
    if (name in chosen) names.push(name);
  }
  await writeFile(
    join(models, 'index.json'),
    JSON.stringify(names.map((name) => ({ name, path: `models/${name}`, title: name }))),
  );
  return { site, models, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** The picture that an exported run has beside its programs. */
async function addPoster(folder: string): Promise<void> {
  const file = join(folder, 'model.json');
  const manifest = JSON.parse(await readFile(file, 'utf8'));
  if (!manifest.programs.sample || !canRender(manifest.data)) return;
  const sampler = await loadSampler(folder, { device: 'cpu' });
  const { data } = await sampler.sample({ count: 9, seed: 42 });
  const { bytes } = await renderSamples(data, sampler.manifest.data, { scale: 2 });
  await sampler.release();
  await writeFile(join(folder, 'sample.png'), bytes);
  manifest.sample = { file: 'sample.png', bytes: bytes.length, sha256: sha256Hex(bytes), seed: 42, count: 9 };
  await writeFile(file, JSON.stringify(manifest));
}

/** A copy of a bundle under another name. */
export async function copyBundle({ models }: SiteFixture, from: string, to: string): Promise<string> {
  await cp(join(models, from), join(models, to), { recursive: true });
  return join(models, to);
}
