import { fileURLToPath } from 'node:url';
import { type Bundle, type BundleSource, openBundle } from '../bundle/bundle.ts';
import { folderSource } from '../bundle/source-node.ts';
import { webSource } from '../bundle/source-web.ts';
import { openDevice } from '../ort/ort-node.ts';
import { type LoadSamplerOptions, loadSamplerFrom } from './load-sampler.ts';
import type { Sampler } from './sampler.ts';

/**
 * Loads a model in Node.
 * @param source folder of a bundle or of a run that was exported, or the address of a bundle's folder
 * @throws UserError when there is no bundle, one of its files is wrong, or the device does not work here.
 */
export async function loadSampler(source: string | URL, options: LoadSamplerOptions = {}): Promise<Sampler> {
  return loadSamplerFrom(await sourceOf(source), openDevice, options);
}

/** Opens the bundle in a folder, to read it without running it. @throws UserError as `loadSampler`. */
export async function openFolder(folder: string | URL): Promise<Bundle> {
  return openBundle(await folderSource(typeof folder === 'string' ? folder : fileURLToPath(folder)));
}

async function sourceOf(source: string | URL): Promise<BundleSource> {
  const text = String(source);
  if (/^https?:/i.test(text)) return webSource(text);
  return folderSource(/^file:/i.test(text) ? fileURLToPath(text) : text);
}
