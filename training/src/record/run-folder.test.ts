import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { DataDescription } from '../model/family.ts';
import { readRun, runData, writeRun } from './run-folder.ts';
import { parseSettings } from './settings.ts';

const settings = parseSettings(
  {
    family: 'gmm',
    options: {},
    data: { name: 'csv', dir: 'points.csv' },
    seed: 3,
    steps: 1,
    batchSize: 2,
    learningRate: 0,
    schedule: 'constant',
    engine: 'onnx',
    device: 'cpu',
    reportEvery: 1,
    evaluateEvery: 1,
    checkpointEvery: 1,
  },
  'test',
);
const data: DataDescription = { spec: { kind: 'points', shape: [2] }, classNames: [] };

async function runFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-run-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

test('a run records the rule that its data is split by', async () => {
  const folder = await runFolder();
  await writeRun(folder, { settings, data });
  const read = await readRun(folder);
  expect(runData(read.settings, 'validation')).toEqual({
    name: 'csv',
    dir: 'points.csv',
    seed: 3,
    split: 'validation',
    splitRule: 'hash',
  });
});

test('a run that records no rule keeps the split that it was trained on, and goes on keeping it', async () => {
  const folder = await runFolder();
  const path = join(folder, 'run.json');
  await writeFile(path, JSON.stringify({ settings, data }));
  const read = await readRun(folder);
  expect(runData(read.settings, 'test')).toMatchObject({ splitRule: 'permutation' });
  await writeRun(folder, read);
  expect(await readFile(path, 'utf8')).toContain('"splitRule": "permutation"');
});

test('images stay of the size and channels that the run was trained on, whatever their files would say now', async () => {
  const folder = await runFolder();
  const image: DataDescription = {
    spec: { kind: 'image', shape: [6, 8, 3], range: [0, 1] },
    classNames: [],
  };
  const images = { ...settings, data: { name: 'images', dir: 'pictures' } };
  await writeRun(folder, { settings: images, data: image });
  expect(runData((await readRun(folder)).settings, 'train')).toMatchObject({
    imageSize: [6, 8],
    channels: 3,
  });
  const asked = { ...images, data: { ...images.data, imageSize: [6, 8] } };
  await writeRun(folder, { settings: asked, data: image });
  expect(runData((await readRun(folder)).settings, 'test')).toMatchObject({ imageSize: [6, 8], channels: 3 });
});
