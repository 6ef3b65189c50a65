import { rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import {
  busy,
  draw,
  failure,
  failureKind,
  modelFolder,
  startEngine,
  sums,
  writeBundle,
} from '../../testing/serving-engine.ts';
import type { EngineObserver } from './engine.ts';

const value = ({ outputs }: { outputs: Record<string, { data: ArrayLike<number> }> }) =>
  outputs.value!.data[0];

/** Replaces a bundle as an operator should: beside, then renamed. */
async function replace(folder: string, name: string, files: Readonly<Record<string, Uint8Array>>) {
  await writeBundle(join(folder, '.new'), files);
  await rm(join(folder, name), { recursive: true, force: true });
  await rename(join(folder, '.new'), join(folder, name));
}

type Changed = NonNullable<EngineObserver['modelChanged']>;

test('a changed bundle takes over; what was accepted before is answered by the old one', async () => {
  const folder = await modelFolder({ sums: sums(1) });
  const modelChanged = vi.fn<Changed>();
  const engine = await startEngine(folder, { workers: 2, observer: { modelChanged } });
  const before = value(await engine.run(draw('sums', 1)))!;
  const { loadedAt } = engine.model('sums');
  await replace(folder, 'sums', sums(2));
  // Each worker compiles the new one behind what it has accepted of the old.
  const accepted = Array.from({ length: 30 }, () => engine.run(draw('sums', 1)));
  const reloaded = engine.reload();
  expect(await reloaded).toEqual([]);
  for (const result of accepted) expect(value(await result)).toBe(before);
  expect(value(await engine.run(draw('sums', 1)))).toBe(2 * before);
  expect(engine.model('sums').loadedAt.getTime()).toBeGreaterThanOrEqual(loadedAt.getTime());
  expect(modelChanged.mock.calls.map(([{ change }]) => change)).toEqual(['loaded', 'replaced']);
  expect(engine.models()).toHaveLength(1);
});

test('the old one drains while the new one serves, and a worker that dies meanwhile still knows it', async () => {
  const folder = await modelFolder({ sums: sums(1) });
  const engine = await startEngine(folder);
  const before = value(await engine.run(draw('sums', 1)))!;
  // 30 rows of the old one wait when the new one is there; then the worker dies with the first of them.
  await replace(folder, 'sums', sums(3));
  const reloaded = engine.reload();
  await vi.waitFor(() => expect(engine.models().length).toBe(1));
  const { release, first } = await busy(engine, 'sums', 'exit');
  const waiting = engine.run(draw('sums', 30));
  release();
  const [now, later] = [value(await first)!, value(await waiting)!];
  await reloaded;
  const after = Math.fround(3 * before);
  expect([before, after]).toContain(now);
  expect([before, after]).toContain(later);
  expect(value(await engine.run(draw('sums', 1)))).toBe(after);
});

test('a bad bundle leaves the old one serving and says why, until it is put right', async () => {
  const folder = await modelFolder({ sums: sums(1) });
  const modelChanged = vi.fn<Changed>();
  const engine = await startEngine(folder, { observer: { modelChanged } });
  const before = value(await engine.run(draw('sums', 1)))!;
  await writeFile(join(folder, 'sums', 'sample.onnx'), 'half a file');
  const [refusal] = await engine.reload();
  expect(refusal).toMatchObject({ name: 'sums', version: '1' });
  expect(refusal!.reason).toMatch(/sample\.onnx has 11 bytes/);
  expect(engine.refused()).toEqual([refusal]);
  expect(engine.ready()).toBe(true);
  expect(value(await engine.run(draw('sums', 1)))).toBe(before);
  expect(await engine.reload(), 'a second look finds the same').toEqual([refusal]);
  await rm(join(folder, 'sums', 'model.json'));
  expect((await engine.reload())[0]!.reason).toMatch(/model\.json is missing/);
  expect(value(await engine.run(draw('sums', 1)))).toBe(before);
  await replace(folder, 'sums', sums(2));
  expect(await engine.reload()).toEqual([]);
  expect(value(await engine.run(draw('sums', 1)))).toBe(2 * before);
  const changes = modelChanged.mock.calls.map(([{ change }]) => change);
  expect(changes).toEqual(['loaded', 'refused', 'refused', 'replaced']);
});

test('versions: the highest that is good is the default; others are asked for by name', async () => {
  const folder = await modelFolder({ 'sums/2': sums(2), 'sums/10': sums(10) });
  const engine = await startEngine(folder);
  const unit = value(await engine.run({ ...draw('sums', 1), version: '2' }))! / 2;
  const newest = await engine.run(draw('sums', 1));
  expect([newest.version, value(newest)]).toEqual(['10', Math.fround(10 * unit)]);
  await writeBundle(join(folder, 'sums/11'), { ...sums(11), 'sample.onnx': new Uint8Array(3) });
  expect(await engine.reload()).toHaveLength(1);
  expect((await engine.run(draw('sums', 1))).version).toBe('10');
  await rm(join(folder, 'sums/10'), { recursive: true });
  await engine.reload();
  expect((await engine.run(draw('sums', 1))).version).toBe('2');
  expect(await failureKind(engine.run({ ...draw('sums', 1), version: '10' }))).toBe('not-found');
  expect(engine.models().map(({ version }) => version)).toEqual(['2']);
});

test('a bundle that is gone is served no more, but to those who were accepted', async () => {
  const folder = await modelFolder({ sums: sums(1), other: sums(2) });
  const engine = await startEngine(folder);
  const { release, first } = await busy(engine, 'sums');
  const waiting = engine.run(draw('sums', 2));
  await rm(join(folder, 'sums'), { recursive: true });
  await engine.reload();
  expect(await failureKind(engine.run(draw('sums', 1)))).toBe('not-found');
  expect(engine.models().map(({ name, state }) => `${name} ${state}`)).toEqual([
    'other ready',
    'sums draining',
  ]);
  release();
  await Promise.all([first, waiting]);
  expect(engine.models().map(({ name }) => name)).toEqual(['other']);
});

test('a folder that cannot be read leaves everything as it is', async () => {
  const folder = await modelFolder({ 'models/sums': sums(1) });
  const engine = await startEngine(join(folder, 'models'));
  await rename(join(folder, 'models'), join(folder, 'elsewhere'));
  await expect(engine.reload()).rejects.toThrow(/models folder .* cannot be read/);
  expect(engine.refused()[0]!.reason).toMatch(/cannot be read/);
  await engine.run(draw('sums', 1));
  await rename(join(folder, 'elsewhere'), join(folder, 'models'));
  expect(await engine.reload()).toEqual([]);
});

test('watching finds what is new and changed by itself; a new time alone changes nothing', async () => {
  const folder = await modelFolder({ sums: sums(1) });
  const modelChanged = vi.fn<Changed>();
  const engine = await startEngine(folder, { watch: true, observer: { modelChanged } });
  await utimes(join(folder, 'sums', 'model.json'), 1, 1);
  await writeBundle(join(folder, 'second'), sums(2));
  await vi.waitFor(() => expect(engine.models()).toHaveLength(2), { timeout: 30_000 });
  await replace(folder, 'sums', sums(3));
  // A bundle that is looked at while it is being written is refused, and taken when it is whole.
  const accepted = () =>
    modelChanged.mock.calls
      .filter(([{ change }]) => change !== 'refused')
      .map(([{ name, change }]) => `${name} ${change}`);
  await vi.waitFor(() => expect(accepted()).toHaveLength(3), { timeout: 30_000 });
  expect(accepted()).toEqual(['sums loaded', 'second loaded', 'sums replaced']);
});

describe('models by name', () => {
  test('what is loaded by name serves, and what is unloaded does not, but to those who were accepted', async () => {
    const folder = await modelFolder({ sums: sums(1), other: sums(2), 'both/1': sums(3), 'both/2': sums(4) });
    const engine = await startEngine(folder, { only: ['sums'] });
    const served = () => engine.models().map(({ name, version, state }) => `${name} ${version} ${state}`);
    const spare = () => engine.unloaded().map(({ name, version }) => `${name} ${version}`);
    expect([served(), spare()]).toEqual([['sums 1 ready'], ['both 1', 'both 2', 'other 1']]);
    const unit = value(await engine.run(draw('sums', 1)))!;
    await engine.loadModel('both');
    expect(served()).toEqual(['both 1 ready', 'both 2 ready', 'sums 1 ready']);
    expect(value(await engine.run(draw('both', 1)))).toBe(Math.fround(4 * unit));
    const { release, first } = await busy(engine, 'sums');
    await engine.unloadModel('sums');
    expect(await failureKind(engine.run(draw('sums', 1)))).toBe('not-found');
    release();
    await first;
    await engine.reload();
    expect([served(), spare()]).toEqual([
      ['both 1 ready', 'both 2 ready'],
      ['other 1', 'sums 1'],
    ]);
    await engine.unloadModel('both');
    expect([served(), engine.ready()]).toEqual([[], true]);
    await engine.loadModel('sums');
    expect(value(await engine.run(draw('sums', 1)))).toBe(unit);
  });

  test('load takes what changed of that bundle alone; a bad one is refused and the old one stays', async () => {
    const folder = await modelFolder({ sums: sums(1), other: sums(1) });
    const engine = await startEngine(folder, { only: ['sums', 'other'] });
    const unit = value(await engine.run(draw('sums', 1)))!;
    await replace(folder, 'sums', sums(2));
    await replace(folder, 'other', sums(2));
    await engine.loadModel('sums');
    expect(value(await engine.run(draw('sums', 1)))).toBe(2 * unit);
    expect(value(await engine.run(draw('other', 1)))).toBe(unit);
    await writeFile(join(folder, 'sums', 'sample.onnx'), 'half a file');
    const bad = await failure(engine.loadModel('sums'));
    expect([bad.kind, bad.message]).toEqual([
      'bad-request',
      'model sums: version 1 was refused; the log says why',
    ]);
    expect(value(await engine.run(draw('sums', 1)))).toBe(2 * unit);
  });

  test('names that are in no folder, and servers that are not told what to serve, say so', async () => {
    const folder = await modelFolder({ sums: sums(1) });
    const engine = await startEngine(folder);
    expect((await failure(engine.unloadModel('sums'))).message).toMatch(/--model-control explicit$/);
    await engine.run(draw('sums', 1));
    const told = await startEngine(folder, { only: [] });
    expect((await failure(told.loadModel('sum'))).message).toBe(
      "there is no bundle 'sum' in the models folder",
    );
    expect(await failureKind(told.unloadModel('sums'))).toBe('not-found');
    await expect(startEngine(folder, { only: ['sum'] })).rejects.toThrow(/there is no bundle 'sum' to load$/);
  });
});

test('ready is for all bundles, or for any where that is asked for', async () => {
  const folder = await modelFolder({ sums: sums(1), bad: { ...sums(1), 'sample.onnx': new Uint8Array(3) } });
  const all = await startEngine(folder);
  const any = await startEngine(folder, { readyWhen: 'any' });
  expect([all.ready(), any.ready()]).toEqual([false, true]);
  await replace(folder, 'bad', sums(2));
  await all.reload();
  expect(all.ready()).toBe(true);
});
