import { webSource } from '../bundle/source-web.ts';
import { openDevice } from '../ort/ort-web.ts';
import { type LoadSamplerOptions, loadSamplerFrom } from './load-sampler.ts';
import type { Sampler } from './sampler.ts';

/**
 * Loads a model in a page or a worker.
 * @param source address of the bundle's folder, absolute or relative to the page
 * @throws UserError when there is no bundle, one of its files is wrong, or the device does not work here.
 */
export async function loadSampler(source: string | URL, options: LoadSamplerOptions = {}): Promise<Sampler> {
  const page = globalThis.document?.baseURI ?? globalThis.location?.href;
  return loadSamplerFrom(webSource(source, page), openDevice, options);
}
