import { existsSync } from 'node:fs';
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkSpace } from '../files/limits.ts';
import { expectUserError, folderOf } from '../testing/test-support.ts';
import { openRun } from './open-run.ts';

const settings = {
  family: 'gmm',
  options: {},
  data: { name: 'ring8' },
  ...{ seed: 1, steps: 1, batchSize: 1, learningRate: 0, engine: 'onnx', device: 'cpu' },
  ...{ reportEvery: 1, evaluateEvery: 1, checkpointEvery: 1 },
};
const record = JSON.stringify({ settings, data: {} });
const run = {
  'run.json': record,
  'metrics.jsonl': '{"step":1}\n',
  'metrics.csv': 'step\n1\n',
  'report.html': 'x',
  'checkpoints/step-0000010.safetensors': 'x',
  'checkpoints/best.safetensors': 'x',
  'checkpoints/best.json': 'x',
  'samples/step-0000010.png': 'x',
  'tensorboard/events.out.tfevents.1.host.2.generatrix': 'x',
  'bundle/model.json': JSON.stringify({ format: 'generatrix-bundle', programs: {} }),
};
const within = (folder: string, files: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));

test('a new run takes a new or empty folder, locked while it is open', async () => {
  const parent = await folderOf({});
  const folder = join(parent, 'deep/run');
  const opened = await openRun(folder);
  await opened.begin();
  await expectUserError(openRun(folder), `${folder}: in use by process ${process.pid}`);
  await writeFile(join(folder, 'run.json'), record);
  await writeFile(join(folder, 'metrics.jsonl'), run['metrics.jsonl']);
  await opened.close();
  expect((await readdir(folder)).sort()).toEqual(['metrics.jsonl', 'run.json']);
});

test('a run that was refused or failed before its first step leaves nothing that would be in the way', async () => {
  const parent = await folderOf({});
  const folder = join(parent, 'deep/run');
  await (await openRun(folder)).close();
  expect(await readdir(parent)).toEqual([]);
  const opened = await openRun(folder);
  await opened.begin();
  await writeFile(join(folder, 'run.json'), record);
  await writeFile(join(folder, 'metrics.jsonl'), '');
  await opened.close();
  expect(await readdir(parent)).toEqual([]);
});

test.each([
  ['a thesis', { 'thesis.tex': 'years' }, /found thesis.tex, and no run; choose another --out/],
  [
    'metrics of another program',
    { 'metrics.jsonl': 'mine', 'notes.txt': '' },
    'found metrics.jsonl and 1 more',
  ],
  [
    'a run of another program',
    { 'run.json': '{"lap": 1}', 'metrics.jsonl': 'mine' },
    "run.json: 'data' is missing",
  ],
  ['checkpoints of another program', { 'checkpoints/step-0000001.safetensors': 'mine' }, 'found checkpoints'],
])('a folder of the user is no place for a run: %s', async (_, files, found) => {
  const folder = await folderOf(files);
  for (const overwrite of [false, true]) {
    await expectUserError(openRun(folder, { overwrite }), found);
  }
  for (const [path, text] of Object.entries(files)) {
    expect(await readFile(join(folder, path), 'utf8')).toBe(text);
  }
  expect(existsSync(join(folder, 'run.lock'))).toBe(false);
});

test('overwriting takes away what the run wrote, once it begins, and nothing else', async () => {
  const mine = [
    'notes.txt',
    'checkpoints/keep.txt',
    'samples/mine.png',
    'tensorboard/events.out.tfevents.1.h.2',
  ];
  const parent = await folderOf(
    within('run', { ...run, ...Object.fromEntries(mine.map((path) => [path, 'mine'])) }),
  );
  const folder = join(parent, 'run');
  const refused = await openRun(folder, { overwrite: true });
  await refused.close();
  for (const path of [...Object.keys(run), ...mine]) expect(existsSync(join(folder, path)), path).toBe(true);

  const opened = await openRun(folder, { overwrite: true });
  await opened.begin();
  const left = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
  // The old run.json stands until the new one takes its place.
  expect(left.sort()).toEqual([...mine.map((path) => path.split('/').at(-1)), 'run.json', 'run.lock'].sort());
  await opened.close();
});

test('going on with a run keeps all of it, and clears what a killed process left', async () => {
  const folder = await folderOf({
    ...run,
    'checkpoints/.step-0000020.safetensors.partial-0123456789ab': 'half',
  });
  const opened = await openRun(folder);
  await opened.begin();
  await opened.close();
  expect(await readdir(join(folder, 'checkpoints'))).toEqual([
    'best.json',
    'best.safetensors',
    'step-0000010.safetensors',
  ]);
  for (const [path, text] of Object.entries(run))
    expect(await readFile(join(folder, path), 'utf8')).toBe(text);
});

test('a bundle with a file of the user, or a link in its place, is found out before training', async () => {
  const folder = await folderOf({ ...run, 'bundle/notes.txt': 'mine' });
  await expectUserError(openRun(folder), 'bundle: not replaced, as it holds notes.txt');
  const linked = await folderOf({ 'run.json': record, 'elsewhere/model.json': run['bundle/model.json'] });
  await symlink(join(linked, 'elsewhere'), join(linked, 'bundle'));
  await expectUserError(openRun(linked), 'found a link to');
});

test('places that cannot be written are one line', async () => {
  const folder = await folderOf({ file: 'x' });
  await expectUserError(openRun(join(folder, 'file')), 'a part of the path is a file');
  await expectUserError(openRun(join(folder, 'file/run')), 'a part of the path is a file');
  await expectUserError(openRun('/proc/x'), '/proc/x: expected to write a folder there');
  await expectUserError(checkSpace(folder, 1e18, 'checkpoints take'), /are free and checkpoints take 1 EB/);
  await checkSpace(folder, 1, 'checkpoints take');
});
