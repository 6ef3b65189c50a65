import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { checkExportFolder } from '@generatrix/training';
import { foreignFile, writeFileAtomic } from '@generatrix/training/files';
import { hasRun, readRun } from '@generatrix/training/record';

/** Beside the tour's runs: the hash of each bundle's manifest, by which a later tour knows it again. */
const recordName = 'tour.json';

/**
 * Finds out whether a tour may replace what stands in its folders: a run that a tour began and nobody went on with,
 * and the bundle that a tour exported.
 * @throws UserError when the run or the bundle is the user's.
 */
export async function checkTourFolders(run: string, bundle: string): Promise<void> {
  if ((await hasRun(run)) && (await readRun(run)).origin !== 'tour') {
    throw new UserError(`${run}: holds a run that is not of an earlier tour; give another --out`);
  }
  await checkExportFolder(bundle, { overwrite: true });
  if ((await foreignFile(bundle).catch(() => null)) === null) return;
  if ((await bundlesOf(run)).includes(await manifestHash(bundle))) return;
  throw new UserError(`${bundle}: holds a model that is not of an earlier tour; give another --out`);
}

/** Remembers a bundle as exported by a tour. */
export async function rememberBundle(run: string, bundle: string): Promise<void> {
  const bundles = [...(await bundlesOf(run)), await manifestHash(bundle)];
  const record = { format: 'generatrix-tour', bundles: [...new Set(bundles)] };
  await writeFileAtomic(join(dirname(run), recordName), `${JSON.stringify(record)}\n`);
}

async function bundlesOf(run: string): Promise<string[]> {
  try {
    const text = await readFile(join(dirname(run), recordName), 'utf8');
    const { bundles } = JSON.parse(text) as { bundles?: unknown };
    return Array.isArray(bundles) ? bundles.map(String) : [];
  } catch {
    return [];
  }
}

async function manifestHash(bundle: string): Promise<string> {
  const text = await readFile(join(bundle, 'model.json'));
  return createHash('sha256').update(text).digest('hex');
}
