import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, UserError } from '@generatrix/runtime/core';
import { estimateSeconds, knownFamilies } from '@generatrix/training';
import { makeFolder, writeFileAtomic } from '@generatrix/training/files';
import { hasRun, readRun, readRunTime } from '@generatrix/training/record';

import type { Command } from 'commander';
import { wholeNumber } from './flags.ts';
import { durationText } from './progress.ts';
import { environmentOf } from './reproduce/environment.ts';
import { judgeRun } from './reproduce/judge.ts';
import { budgetSeconds, type LeftOut, planReproductions, type Reproduction } from './reproduce/plan.ts';
import { describeFigure, type ReproductionRecord, readReproduction } from './reproduce/record.ts';
import { lastLine, progressOf, runProcess } from './run-process.ts';
import { runJobs } from './sweep/jobs.ts';
import { trainSettings } from './train-settings.ts';

interface ReproduceFlags {
  readonly list?: boolean;
  readonly dataDir?: readonly string[];
  readonly budget?: string;
  readonly seed: string;
  readonly jobs: string;
  readonly threads?: string;
  readonly out: string;
  readonly results?: string;
}

/** Milliseconds between two looks at how far a run is. */
const lookInterval = 20_000;

/** `generatrix reproduce`: trains presets, judges them on test data, and writes what came out, a file for each. */
export function addReproduce(program: Command): void {
  program
    .command('reproduce')
    .description('train presets one after another, judge each on its test data and write the figures down')
    .argument('[presets...]', 'FAMILY or FAMILY/PRESET (default: all whose data is there)')
    .option('--list', 'say which presets there are, and do nothing')
    .option(
      '--data-dir <name=path>',
      'where data lies, such as mnist=DIR; again for other data',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    )
    .option('--budget <time>', 'leave out presets that would train longer than this, such as 90m')
    .option('--seed <n>', 'seed of every run', '1')
    .option('--jobs <n>', 'presets at a time', '1')
    .option('--threads <n>', 'threads of each run (default: the cores over the jobs)')
    .option('--out <folder>', 'where the runs go, and are found again', 'runs/reproduce')
    .option('--results <folder>', 'where the figures go (default: results in --out)')
    .action(reproduce);
}

async function reproduce(names: readonly string[], flags: ReproduceFlags): Promise<void> {
  const { out, results = join(out, 'results'), list = false } = flags;
  if (list) {
    printList();
    return;
  }
  const seed = wholeNumber('--seed')(flags.seed);
  const jobs = wholeNumber('--jobs', 1)(flags.jobs);
  const threads = flags.threads === undefined ? undefined : wholeNumber('--threads', 1)(flags.threads);
  const budget = flags.budget === undefined ? Number.POSITIVE_INFINITY : budgetSeconds(flags.budget);
  const dataDirs = flags.dataDir ?? [];
  const { planned, leftOut } = planReproductions(knownFamilies(), { names, dataDirs, seed, out, results });
  if (names.length > 0 && planned.length === 0)
    throw new UserError(`${leftOut[0]!.name}: ${leftOut[0]!.why}`);
  await Promise.all([makeFolder(out), makeFolder(results)]);
  const stop = new AbortController();
  const interrupt = () => {
    console.error('\nstopping: what trains saves after the step in progress ...');
    stop.abort();
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const skipped: LeftOut[] = [...leftOut];
  try {
    const ends = await runJobs(
      planned,
      jobs,
      async (one, signal) => {
        const left = await reproduceOne(one, { out, seed, budget, threads, signal });
        if (left !== null) skipped.push({ name: one.name, why: left });
      },
      stop.signal,
    );
    for (const { name, why } of skipped) console.log(`${name}: left out, ${why}`);
    await printFigures(planned);
    if (stop.signal.aborted) {
      console.error('stopped; the same command goes on');
      process.exitCode = 130;
      return;
    }
    const failed = ends.filter(({ kind }) => kind === 'failed').length;
    if (failed > 0) throw new UserError(`${failed} of ${planned.length} presets failed; the others are done`);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function printList(): void {
  for (const { name, reproduce } of knownFamilies()) {
    for (const [preset, { summary, data }] of Object.entries(reproduce))
      console.log(`${`${name}/${preset}`.padEnd(28)}${data.padEnd(14)}${summary}`);
  }
}

interface Circumstances {
  readonly out: string;
  readonly seed: number;
  readonly budget: number;
  readonly threads: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * Trains a preset as far as that is left to do, judges it, and writes its record.
 * @returns why it was left out; null when its record is there
 * @throws UserError when training or judging failed
 */
async function reproduceOne(one: Reproduction, circumstances: Circumstances): Promise<string | null> {
  const { name, run, record } = one;
  const { out, budget, signal, seed } = circumstances;
  try {
    if ((await readReproduction(record)) !== null) {
      console.error(`${name}: done before, see ${record}`);
      return null;
    }
    if (await hasRun(run)) await checkSame(one, circumstances);
    if (!(await isTrained(run))) {
      if (Number.isFinite(budget) && !(await hasRun(run))) {
        const seconds = await estimateSeconds(settingsOf(one, circumstances));
        if (seconds !== null && seconds > budget) return `it would train ${durationText(seconds)}`;
      }
      await trainOne(one, circumstances);
    }
    if (signal.aborted) throw new UserError('stopped before it was judged');
    console.error(`${name}: is judged`);
    const judged = await judgeRun(run, out);
    await writeFileAtomic(record, `${JSON.stringify(await recordOf(one, judged, seed), null, 2)}\n`);
    console.error(`${name}: done, ${judged.figures.map(describeFigure).join('; ')}`);
    return null;
  } catch (error) {
    console.error(`${name}: ${messageOf(error)}`);
    throw error;
  }
}

function settingsOf(one: Reproduction, { seed, threads }: Circumstances) {
  return trainSettings(one.family, {
    preset: one.presetName,
    seed: String(seed),
    ...(threads !== undefined && { threads: String(threads) }),
    ...(one.dataDir !== undefined && { dataDir: one.dataDir }),
  });
}

/** @throws UserError when the folder holds a run of something else: its figures would stand under a wrong name. */
async function checkSame(one: Reproduction, circumstances: Circumstances): Promise<void> {
  const { settings } = await readRun(one.run);
  const { family, presetName, preset } = one;
  const differs = Object.entries(preset.options).find(
    ([name, value]) => JSON.stringify(settings.options[name]) !== JSON.stringify(value),
  );
  const what =
    settings.family !== family.name
      ? `family ${settings.family}`
      : settings.data.name !== preset.data
        ? `data ${settings.data.name}`
        : settings.seed !== circumstances.seed
          ? `seed ${settings.seed}`
          : differs !== undefined
            ? `${differs[0]} ${JSON.stringify(settings.options[differs[0]])}`
            : null;
  if (what === null) return;
  throw new UserError(
    `${one.run}: holds a run with ${what}, which is not ${family.name}/${presetName}; move it away or give another --out`,
  );
}

async function isTrained(run: string): Promise<boolean> {
  return stat(join(run, 'report.html')).then(
    () => true,
    () => false,
  );
}

/** Trains in a process of its own, so that its memory is gone when it ends; a run that was stopped goes on. */
async function trainOne(one: Reproduction, { seed, threads, signal }: Circumstances): Promise<void> {
  const { name, run, family, presetName, dataDir } = one;
  const log = `${run}.log`;
  const known = await hasRun(run);
  console.error(`${name}: ${known ? 'goes on' : 'starts'}`);
  const look = setInterval(() => {
    void progressOf(run, name).then((line) => console.error(line));
  }, lookInterval);
  const fresh = [
    ...['train', family.name, '--preset', presetName, '--seed', String(seed), '--out', run],
    ...(threads === undefined ? [] : ['--threads', String(threads)]),
    ...(dataDir === undefined ? [] : ['--data-dir', dataDir]),
  ];
  const args = known ? ['resume', run] : fresh;
  try {
    const status = await runProcess(process.argv[1]!, args, log, signal);
    if (status === 0) return;
    throw new UserError(
      signal.aborted ? 'stopped; the same command goes on' : `failed (${await lastLine(log)}); see ${log}`,
    );
  } finally {
    clearInterval(look);
  }
}

async function recordOf(
  { family, presetName, preset, dataDir, run }: Reproduction,
  { figures, examples, binarised, engine, commands }: Awaited<ReturnType<typeof judgeRun>>,
  seed: number,
): Promise<ReproductionRecord> {
  const { settings, fingerprints } = await readRun(run);
  const time = await readRunTime(run);
  const dir = dataDir === undefined ? '' : ' --data-dir DIR';
  const usual = preset.training.steps ?? family.defaults.steps;
  const steps = settings.steps === usual ? '' : ` --steps ${settings.steps}`;
  const threads = settings.threads === undefined ? '' : ` --threads ${settings.threads}`;
  return {
    format: 'generatrix-reproduction',
    ...{ family: family.name, preset: presetName, summary: preset.summary, published: preset.published },
    data: {
      ...{ name: preset.data, split: 'test', examples, binarised },
      fingerprints: fingerprints ?? null,
    },
    ...{ seed, steps: settings.steps },
    settings: { ...settings, data: { ...settings.data, ...(dataDir !== undefined && { dir: 'DIR' }) } },
    figures,
    commands: [
      `generatrix train ${family.name} --preset ${presetName} --seed ${seed}${steps}${threads}${dir} --out RUN`,
      ...commands,
    ],
    processorSeconds: time?.processorSeconds ?? null,
    wallSeconds: time?.wallSeconds ?? null,
    environment: await environmentOf(engine, settings.threads),
    date: new Date().toISOString().slice(0, 10),
  };
}

async function printFigures(planned: readonly Reproduction[]): Promise<void> {
  for (const { name, record } of planned) {
    const found = await readReproduction(record);
    if (found === null) continue;
    console.log(`${name}: ${found.figures.map(describeFigure).join('; ')}`);
    console.log(`  published: ${found.published}`);
  }
}
