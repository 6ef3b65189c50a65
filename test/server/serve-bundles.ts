import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, type RunningServer, type ServeConfig, startServer } from '@generatrix/runtime/serve';
import { familyCases } from '@generatrix/training/testing';
import { writeModelBundle } from '../parity/model-bundles.ts';

/** Bundles of each kind of data, with their starting weights, by the name that they are served under. */
const served: Readonly<Record<string, string>> = {
  vae: 'vae, mlp',
  gmm: 'gmm, full',
  made: 'made, two layers',
  pixelcnn: 'pixelcnn, categorical, conditional, wider windows',
  wavenet: 'wavenet',
  rbm: 'rbm, persistent chains',
};
/** Those that most tests serve. */
const usual = Object.keys(served).filter((name) => name !== 'rbm');

/** Writes some of the bundles to a new folder. */
export async function writeServedBundles(names: readonly string[] = usual): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-served-'));
  for (const name of names) {
    const familyCase = familyCases.find((one) => one.name === served[name]);
    if (!familyCase) throw new Error(`there is no family case '${served[name]}'`);
    await writeModelBundle(join(folder, name), familyCase);
  }
  return folder;
}

/** Serves a folder on a free port, over worker threads. */
export async function serveFolder(
  folder: string,
  settings: Partial<ServeConfig> = {},
): Promise<RunningServer> {
  const config = await loadConfig({ flags: { models: folder } });
  return startServer({
    ...config,
    port: 0,
    workers: 2,
    device: 'cpu',
    logLevel: 'silent',
    shutdownGraceMs: 0,
    ...settings,
  });
}

export const removeFolder = (folder: string) => rm(folder, { recursive: true, force: true });
