import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import {
  checkpointFolder,
  checkpointSteps,
  hasRun,
  type MetricsLine,
  readMetrics,
  readRun,
} from '@generatrix/training/record';
import { flatten } from '@generatrix/training/report';

/** What a comparison shows of a run. */
export interface RunSummary {
  /** The shortest end of its path that tells it from the others. */
  readonly name: string;
  readonly folder: string;
  /** Settings by their paths, such as `options.latent`, as text. */
  readonly settings: ReadonlyMap<string, string>;
  readonly metrics: readonly MetricsLine[];
  /** Steps that the newest checkpoint has, and steps that the settings ask for. */
  readonly steps: { readonly done: number; readonly asked: number };
  /** Trained to the end and exported? */
  readonly finished: boolean;
  readonly seconds: number;
  /** The newest picture of samples, PNG; null where there is none. */
  readonly samples: Uint8Array | null;
}

/**
 * Runs in folders; a folder that is no run but holds some, such as a sweep's, stands for all of them.
 * @throws UserError when a folder is neither, or one run is named twice.
 */
export async function summariesOf(folders: readonly string[]): Promise<RunSummary[]> {
  const runs = (await Promise.all(folders.map(runsIn))).flat();
  const twice = runs.find(
    (folder, index) => runs.findIndex((other) => resolve(other) === resolve(folder)) < index,
  );
  if (twice !== undefined) throw new UserError(`${twice}: named twice; leave one out`);
  const names = shortNames(runs.map((folder) => resolve(folder)));
  return Promise.all(runs.map((folder, index) => summaryOf(folder, names[index]!)));
}

async function runsIn(folder: string): Promise<string[]> {
  if (await hasRun(folder)) return [folder];
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const inside = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  const found: string[] = [];
  for (const path of inside.sort()) if (await hasRun(path)) found.push(path);
  if (found.length > 0) return found;
  throw new UserError(`${folder}: expected a training run (run.json) or a folder of runs, found neither`);
}

async function summaryOf(folder: string, name: string): Promise<RunSummary> {
  const { settings } = await readRun(folder);
  const metrics = await readMetrics(join(folder, 'metrics.jsonl'));
  const { steps } = await checkpointSteps(checkpointFolder(folder));
  const done = Math.max(0, ...steps);
  return {
    name,
    folder,
    settings: new Map(flatten(settings as unknown as Record<string, unknown>)),
    metrics,
    steps: { done, asked: settings.steps },
    finished: (await stat(join(folder, 'report.html')).catch(() => null)) !== null && done > 0,
    seconds: metrics.at(-1)?.seconds ?? 0,
    samples: await newestSamples(join(folder, 'samples')),
  };
}

async function newestSamples(folder: string): Promise<Uint8Array | null> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const newest = names
    .filter((name) => /^step-\d+\.png$/.test(name))
    .sort()
    .at(-1);
  return newest === undefined ? null : readFile(join(folder, newest));
}

/** The last part of each path, with as many parts before it as tell all of them apart. */
export function shortNames(paths: readonly string[]): string[] {
  const parts = paths.map((path) => path.split('/'));
  for (let length = 1; length < Math.max(1, ...parts.map((each) => each.length)); length++) {
    const names = parts.map((each) => each.slice(-length).join('/'));
    if (new Set(names).size === names.length) return names;
  }
  return paths.map((path) => (new Set(paths).size === 1 ? basename(path) : path));
}
