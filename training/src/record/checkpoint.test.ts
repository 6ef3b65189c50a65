import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type HostTensor, hostTensor, UserError } from '@generatrix/runtime/core';
import { expect, test } from 'vitest';
import { expectUserError, folderOf } from '../testing/test-support.ts';
import { loadLatestCheckpoint, saveCheckpoint, stateFitting } from './checkpoint.ts';

const stateOf = (value: number): Record<string, HostTensor> => ({
  w: hostTensor('float32', [2], [value, -value]),
  t: hostTensor('int32', [], [value]),
});
const nameOf = (step: number): string => `step-${String(step).padStart(7, '0')}.safetensors`;

async function save(folder: string, ...steps: number[]): Promise<void> {
  for (const step of steps) await saveCheckpoint(folder, { state: stateOf(step), meta: { step, seed: 7 } });
}

test('state and meta come back; no folder or an empty one gives null', async () => {
  const folder = await folderOf({});
  expect(await loadLatestCheckpoint(folder)).toBeNull();
  expect(await loadLatestCheckpoint(join(folder, 'none'))).toBeNull();
  const meta = { step: 30, seed: 2 ** 53 - 1 };
  const path = await saveCheckpoint(join(folder, 'new'), { state: stateOf(1.5), meta });
  expect(await loadLatestCheckpoint(join(folder, 'new'))).toEqual({ state: stateOf(1.5), meta, path });
});

test('the newest two are kept, by step and not by name or time', async () => {
  const folder = await folderOf({
    'notes.txt': 'mine',
    '.step-0000001.safetensors.partial-0123456789ab': '',
  });
  await save(folder, 8, 9, 10, 1_000_000_000);
  expect((await readdir(folder)).sort()).toEqual(['notes.txt', nameOf(10), nameOf(1_000_000_000)].sort());
  expect((await loadLatestCheckpoint(folder))?.meta.step).toBe(1_000_000_000);
});

test('a run started anew wins over later steps of the run before it', async () => {
  const folder = await folderOf({});
  await save(folder, 100, 200, 50);
  expect((await loadLatestCheckpoint(folder))?.meta.step).toBe(50);
});

const damages: [string, (path: string) => Promise<void>][] = [
  ['cut short', async (path) => truncate(path, (await readFile(path)).length - 3)],
  ['empty', (path) => truncate(path, 0)],
  ['one bit of a value flipped', (path) => alter(path, (values) => values.fill(values[0]! ^ 1, 0, 1))],
  ['zeroed values', (path) => alter(path, (values) => values.fill(0))],
  ['another kind of file', (path) => writeFile(path, 'hello, this is no checkpoint')],
];

test.each(damages)('falls back to the one before, with a warning: %s', async (_, damage) => {
  const folder = await folderOf({});
  await save(folder, 10, 20);
  await damage(join(folder, nameOf(20)));
  const warnings: string[] = [];
  const loaded = await loadLatestCheckpoint(folder, { warn: (line) => warnings.push(line) });
  expect(loaded?.state).toEqual(stateOf(10));
  expect(loaded?.meta.step).toBe(10);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(nameOf(20));
  await damage(join(folder, nameOf(10)));
  await expectUserError(loadLatestCheckpoint(folder, { warn: () => undefined }), folder, 'found 2 damaged');
});

test('a file renamed to another step is not taken for it', async () => {
  const folder = await folderOf({});
  await save(folder, 10, 20);
  await writeFile(join(folder, nameOf(99)), await readFile(join(folder, nameOf(10))));
  const loaded = await loadLatestCheckpoint(folder, { warn: () => undefined });
  expect(loaded?.meta.step).toBe(20);
});

/** Changes the last four bytes of the file, which are one value. */
async function alter(path: string, change: (values: Uint8Array) => void): Promise<void> {
  const bytes = await readFile(path);
  change(bytes.subarray(-4));
  await writeFile(path, bytes);
}

test.each([
  [{ w: [2], t: [], bias: [3] }, 'expected bias [3], found none'],
  [{ w: [2, 1], t: [] }, 'expected w of shape [2, 1], found [2]'],
  [{ w: [2] }, 'found t, which the model does not have'],
])('a checkpoint of another model is refused in one line: %j', (shapes, message) => {
  const specs = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, { shape, initial: 0 as const }]),
  );
  const checkpoint = { path: 'runs/a/checkpoints/x', state: stateOf(1), meta: { step: 1, seed: 1 } };
  expect(() => stateFitting(checkpoint, specs)).toThrow(UserError);
  expect(() => stateFitting(checkpoint, specs)).toThrow(
    `runs/a/checkpoints/x: ${message}; the run's settings`,
  );
});

test('a checkpoint of this model is taken as it is', () => {
  const specs = { t: { shape: [], initial: 0 }, w: { shape: [2], initial: 0 } } as const;
  const state = stateOf(1);
  expect(stateFitting({ path: 'x', state, meta: { step: 1, seed: 1 } }, specs)).toBe(state);
});
