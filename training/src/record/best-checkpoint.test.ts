import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostTensor } from '@generatrix/runtime/core';
import { expect, test } from 'vitest';
import { expectUserError, folderOf } from '../testing/test-support.ts';
import { loadBest, loadChosen, parseChoice, removeBest, saveBest } from './best-checkpoint.ts';
import { saveCheckpoint } from './checkpoint.ts';

const checkpointOf = (step: number) => ({
  state: { w: hostTensor('float32', [1], [step]) },
  meta: { step, seed: 1 },
});
const score = { metric: 'heldOut/elbo', value: -103.04296875 };

test('the best survives those that are deleted for their age, with what it was chosen by', async () => {
  const folder = await folderOf({});
  await saveCheckpoint(folder, checkpointOf(10));
  await saveBest(folder, checkpointOf(10), score);
  for (const step of [20, 30, 40]) await saveCheckpoint(folder, checkpointOf(step), { keep: 3 });
  expect((await readdir(folder)).toSorted()).toEqual([
    ...['best.json', 'best.safetensors', 'step-0000020.safetensors'],
    ...['step-0000030.safetensors', 'step-0000040.safetensors'],
  ]);
  expect(await loadBest(folder)).toMatchObject({ ...checkpointOf(10), meta: { step: 10, seed: 1, score } });
  expect(JSON.parse(await readFile(join(folder, 'best.json'), 'utf8'))).toEqual({
    ...{ step: 10, ...score, file: 'best.safetensors' },
  });
});

test('last, best and a number of steps are found; others are refused with what there is', async () => {
  const folder = await folderOf({});
  expect(await loadChosen(folder, 'last')).toBeNull();
  expect(await loadChosen(folder, 'best')).toBeNull();
  for (const step of [20, 30]) await saveCheckpoint(folder, checkpointOf(step));
  await expectUserError(loadChosen(folder, 'best'), /--keep best; it keeps last, 20, 30$/);
  await saveBest(folder, checkpointOf(20), score);
  const steps = await Promise.all(
    (['last', 'best', 20, 30] as const).map(async (choice) => (await loadChosen(folder, choice))!.meta.step),
  );
  expect(steps).toEqual([30, 20, 20, 30]);
  await expectUserError(loadChosen(folder, 25), 'no checkpoint of step 25; it keeps best, last, 20, 30');
});

test('a damaged best is refused by name, and a run that starts anew has none', async () => {
  const folder = await folderOf({});
  await saveBest(folder, checkpointOf(20), score);
  await writeFile(join(folder, 'best.safetensors'), 'no checkpoint');
  await expectUserError(loadBest(folder), 'best.safetensors');
  await removeBest(folder);
  expect(await readdir(folder)).toEqual([]);
  expect(await loadBest(folder)).toBeNull();
});

test('choices are read from text', async () => {
  expect(['last', 'best', '1200'].map((text) => parseChoice(text))).toEqual(['last', 'best', 1200]);
  for (const text of ['first', '', '1.5', '-1']) {
    await expectUserError(async () => parseChoice(text), /^--checkpoint: expected last, best or a number/);
  }
});
