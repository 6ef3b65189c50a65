import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Manifest, parseManifest } from '@generatrix/runtime';
import { measuredFigure } from './figure.ts';
import { nameOf, trainArguments, type ZooModel, zooSeed } from './models.ts';
import { filesOf, parityOf, type ZooRecord } from './record.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url)); // from test/dist/zoo
const command = join(root, 'training/cli/bin/generatrix.mjs');
const processorTime = new URL('./processor-time.js', import.meta.url).href;

/** A command was stopped by Ctrl-C. */
export class Stopped extends Error {}

/** The command that trains a model, as the records have it. */
export const commandOf = (model: ZooModel): string => `generatrix ${trainArguments(model).join(' ')}`;

/** Whether a model lies in the zoo as its record says, trained by the command that the list has now. */
export async function isDone(model: ZooModel, record: ZooRecord | undefined, zoo: string): Promise<boolean> {
  const folder = join(zoo, nameOf(model));
  if (record === undefined || record.command !== commandOf(model) || !existsSync(folder)) return false;
  if (record.seed !== zooSeed || record.figure.name !== model.judgedBy) return false;
  return JSON.stringify(await filesOf(folder)) === JSON.stringify(record.files);
}

/**
 * Trains, exports and judges a model.
 * @param runs folder for the run and the evaluation, which may be thrown away
 * @throws Stopped after Ctrl-C; an Error when a command fails.
 */
export async function trainModel(model: ZooModel, runs: string, zoo: string): Promise<ZooRecord> {
  const name = nameOf(model);
  const run = join(runs, name);
  const folder = join(zoo, name);
  const times = join(runs, `${name}.seconds`);
  await mkdir(runs, { recursive: true });
  const trained = await generatrix([...trainArguments(model), '--out', run, '--overwrite'], times);
  const exported = await generatrix(['export', run, '--out', folder, '--overwrite'], times);
  const manifest: Manifest = parseManifest(
    JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')),
    folder,
  );
  const judged = join(runs, `${name}-evaluation`);
  const figure = await measuredFigure(model.judgedBy, manifest, async (metrics) => {
    const quick = ['--classifier', 'quick', '--cache', join(runs, 'classifiers')];
    await generatrix(['evaluate', folder, '--metrics', metrics, '--out', judged, ...quick], times);
    return JSON.parse(await readFile(join(judged, 'evaluation.json'), 'utf8')) as unknown;
  });
  const files = await filesOf(folder);
  return {
    ...{ name, family: model.family, data: model.data, why: model.why },
    ...{ command: commandOf(model), seed: zooSeed },
    processorSeconds: Math.round(trained + exported),
    bytes: Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0),
    figure,
    metrics: manifest.provenance.metrics,
    parity: parityOf(manifest),
    files,
  };
}

/** Runs the command line; resolves to the processor time that it took, seconds. */
async function generatrix(flags: readonly string[], times: string): Promise<number> {
  await rm(times, { force: true });
  const child = spawn(process.execPath, ['--import', processorTime, command, ...flags], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, GENERATRIX_THREADS: '1', GENERATRIX_PROCESSOR_TIME: times },
  });
  // A terminal tells the child of Ctrl-C, too, which saves and ends; a kill is passed on.
  let stopped = false;
  const interrupted = () => {
    stopped = true;
  };
  const killed = () => {
    stopped = true;
    child.kill('SIGTERM');
  };
  process.on('SIGINT', interrupted);
  process.on('SIGTERM', killed);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (stopped) throw new Stopped();
    if (status !== 0) throw new Error(`generatrix ${flags.join(' ')}: status ${status}`);
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', killed);
  }
  return Number(await readFile(times, 'utf8'));
}
