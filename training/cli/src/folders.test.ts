import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportRun, runTraining } from '@generatrix/training';
import { readRun } from '@generatrix/training/record';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from './test-command.ts';
import { checkTourFolders, rememberBundle } from './tour-folder.ts';

let folder: string;
let run: string;

const training = (out: string, ...flags: string[]) =>
  command(
    ...['train', 'gmm', '--data', 'ring8', '--data-size', '60', '--components', '2', '--out', out],
    ...['--steps', '2', '--batch-size', '20', '--device', 'cpu', ...flags],
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-folders-'));
  run = join(folder, 'runs/mine');
  const { status, stderr } = await training(run);
  expect(status, stderr).toBe(0);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Hash of every file below a folder. */
async function contentsOf(path: string): Promise<Record<string, string>> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hashes = files.toSorted().map(async (file) => {
    const hash = createHash('sha256').update(await readFile(file));
    return [file, hash.digest('hex')] as const;
  });
  return Object.fromEntries(await Promise.all(hashes));
}

/** Refused in one line, and nothing of the folder has changed. */
async function expectRefused(args: string[], line: RegExp): Promise<void> {
  const before = await contentsOf(folder);
  const { status, stderr } = await command(...args);
  expect(stderr).toMatch(line);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(status).toBe(1);
  expect(await contentsOf(folder)).toEqual(before);
}

it('export and its relatives replace no folder that holds anything but an export', async () => {
  const thesis = join(folder, 'thesis');
  await mkdir(thesis);
  await writeFile(join(thesis, 'chapter.tex'), 'years');
  await symlink(thesis, join(folder, 'link'));
  const working = process.cwd();
  for (const flags of [[], ['--overwrite'], ['--format', 'triton', '--overwrite']]) {
    const exporting = (out: string) => ['export', run, '--out', out, ...flags];
    await expectRefused(exporting(thesis), /thesis: not replaced, as it holds chapter\.tex/);
    await expectRefused(exporting(`${thesis}/`), /not replaced, as it holds chapter\.tex/);
    await expectRefused(exporting(join(folder, 'link')), /found a link to .*thesis/);
    await expectRefused(exporting(run), /is .*mine, which is never replaced/);
    await expectRefused(exporting(join(run, '..')), /holds .*mine, so it is never replaced/);
    await expectRefused(exporting(join(run, 'checkpoints')), /checkpoints: not replaced, as it holds step-/);
    process.chdir(folder);
    await expectRefused(exporting('.'), /^generatrix: \.: is the working folder/).finally(() =>
      process.chdir(working),
    );
  }
});

it('export writes the programs for other runtimes besides, in the form asked for', async () => {
  const out = join(folder, 'portable');
  const exporting = (...flags: string[]) => command('export', run, '--out', out, ...flags);
  await expectRefused(
    ['export', run, '--out', out, '--batch', '0'],
    /--batch: expected a whole number of at least 1/,
  );
  expect((await exporting('--loops', 'rolled')).stderr).toMatch(/--loops.*scan, unrolled, host/);
  await expectRefused(
    ['export', run, '--out', out, '--format', 'triton', '--batch', '2'],
    /--loops and --batch: .*triton leave them out/,
  );
  const { status, stderr } = await exporting('--loops', 'unrolled', '--batch', '2');
  expect(status, stderr).toBe(0);
  const { portable, programs } = JSON.parse(await readFile(join(out, 'model.json'), 'utf8'));
  expect(portable).toMatchObject({ loops: 'unrolled', batch: 2 });
  expect(Object.keys(portable.programs)).toEqual(Object.keys(programs));
  expect((await readdir(join(out, 'portable'))).sort()).toEqual(
    Object.keys(programs)
      .map((name) => `${name}.onnx`)
      .sort(),
  );
});

it('an export is replaced with --overwrite alone, whole, and by another format too', async () => {
  const out = join(folder, 'exported');
  expect((await command('export', run, '--out', out)).status).toBe(0);
  await expectRefused(
    ['export', run, '--out', out],
    /exported: holds an exported model already.*--overwrite/,
  );
  for (const format of ['triton', 'onnx,graph-model', 'onnx']) {
    const again = await command('export', run, '--out', out, '--format', format, '--overwrite');
    expect(again.status, again.stderr).toBe(0);
  }
  expect((await readdir(out)).sort()).toEqual((await readdir(join(run, 'bundle'))).sort());
  await writeFile(join(out, 'notes.txt'), 'mine');
  await expectRefused(['export', run, '--out', out, '--overwrite'], /not replaced, as it holds notes\.txt/);
});

it('train takes a folder of the user for no run, with --overwrite neither', async () => {
  const mine = join(folder, 'mine');
  await mkdir(join(mine, 'checkpoints'), { recursive: true });
  await writeFile(join(mine, 'metrics.jsonl'), 'results of another program\n');
  await cp(join(run, 'checkpoints'), join(mine, 'checkpoints'), { recursive: true });
  for (const flags of [[], ['--overwrite']]) {
    await expectRefused(['train', 'gmm', '--out', mine, ...flags], /mine: expected a new or empty folder/);
  }
});

it('train replaces a run of ours when told to, and that alone', async () => {
  const other = join(folder, 'other');
  await cp(run, other, { recursive: true });
  await writeFile(join(other, 'notes.txt'), 'mine');
  await expectRefused(['train', 'gmm', '--out', other], /already holds a run; .*resume .*--overwrite/);
  // What is refused leaves the old run as it was.
  await expectRefused(
    ['train', 'gmm', '--out', other, '--overwrite', '--data', 'rign8'],
    /unknown data set rign8/,
  );
  const { status, stderr } = await training(other, '--overwrite', '--steps', '1');
  expect(status, stderr).toBe(0);
  expect(await readdir(join(other, 'checkpoints'))).toEqual(['step-0000001.safetensors']);
  expect(await readFile(join(other, 'notes.txt'), 'utf8')).toBe('mine');
});

it('while another process writes to a run, nobody else does', async () => {
  const busy = join(folder, 'busy');
  await cp(run, busy, { recursive: true });
  const { takeLock } = await import('@generatrix/training/files');
  const lock = await takeLock(join(busy, 'run.lock'), busy);
  const inUse = new RegExp(`busy: in use by process ${process.pid} on ${hostname()}`);
  await expectRefused(['resume', busy, '--steps', '9'], inUse);
  await expectRefused(['train', 'gmm', '--out', busy, '--overwrite'], inUse);
  await lock.release();
});

it('the tour replaces what a tour left, and no run or model of the user', async () => {
  const tour = join(folder, 'tour');
  const start = ['start', '--no-serve', '--steps', '2', '--out', tour];
  await cp(run, join(tour, 'runs/start/gmm'), { recursive: true });
  await expectRefused(start, /runs\/start\/gmm: holds a run that is not of an earlier tour/);
  await rm(join(tour, 'runs'), { recursive: true });
  await cp(join(run, 'bundle'), join(tour, 'models/vae'), { recursive: true });
  await expectRefused(start, /models\/vae: holds a model that is not of an earlier tour/);
  await rm(tour, { recursive: true });

  const [ours, bundle] = [join(tour, 'runs/start/gmm'), join(tour, 'models/gmm')];
  const { settings } = await readRun(run);
  await runTraining(ours, settings, {}, { overwrite: true, origin: 'tour' });
  await exportRun(ours, bundle, ['onnx'], 'onnx');
  await rememberBundle(ours, bundle);
  await checkTourFolders(ours, bundle);
  // Who trains the tour's model further has made it a run of their own, and likewise with the bundle.
  expect((await command('resume', ours, '--steps', '3')).status).toBe(0);
  await expectRefused(start, /runs\/start\/gmm: holds a run that is not of an earlier tour/);
  await rm(ours, { recursive: true });
  await exportRun(run, bundle, ['onnx'], 'another', null, { overwrite: true });
  await expectRefused(start, /models\/gmm: holds a model that is not of an earlier tour/);
});
