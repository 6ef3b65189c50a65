import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { expectUserError, folderOf } from '../testing/test-support.ts';
import { takeLock } from './lock.ts';

/** Takes the lock in a process of its own, says whether it got it, and holds it until its standard input ends. */
const holder = `
const { takeLock } = await import(process.env.LOCK_MODULE);
let warned = '';
const lock = await takeLock(process.env.LOCK_PATH, 'run', { warn: (line) => { warned = line; } }).catch((error) => error);
console.log(JSON.stringify(lock instanceof Error ? { refused: lock.message } : { taken: true, warned }));
process.stdin.resume().on('end', () => process.exit(0));
`;

interface Outcome {
  readonly taken?: true;
  readonly warned?: string;
  readonly refused?: string;
}

/** A process that has tried to take the lock, with what came of it. */
async function tryInProcess(path: string): Promise<{ child: ChildProcess; outcome: Outcome }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', holder], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      LOCK_PATH: path,
      LOCK_MODULE: new URL('../../dist/files/lock.js', import.meta.url).href,
    },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = (await once(child.stdout!.setEncoding('utf8'), 'data')) as [string];
  return { child, outcome: JSON.parse(line) as Outcome };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

const take = async (path: string): Promise<{ lines: string[]; release(): Promise<void> }> => {
  const lines: string[] = [];
  const lock = await takeLock(path, 'runs/vae', { warn: (line) => lines.push(line) });
  return { lines, release: () => lock.release() };
};

test('a lock is a file that says who holds it, and gone when it is released', async () => {
  const folder = await folderOf({});
  const path = join(folder, 'run.lock');
  const lock = await take(path);
  expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() });
  await expectUserError(take(path), `runs/vae: in use by process ${process.pid} on ${hostname()} since 20`);
  await lock.release();
  expect(lock.lines).toEqual([]);
  expect(await readdir(folder)).toEqual([]);
});

test('while another process runs the lock is refused, naming it; after kill -9 it is taken over', async () => {
  const folder = await folderOf({});
  const path = join(folder, 'run.lock');
  const { child, outcome } = await tryInProcess(path);
  expect(outcome).toEqual({ taken: true, warned: '' });
  await expectUserError(take(path), `in use by process ${child.pid} on ${hostname()}`);
  expect((await tryInProcess(path)).outcome.refused).toContain(`process ${child.pid}`);
  await kill(child);
  expect(existsSync(path)).toBe(true);
  const lock = await take(path);
  expect(lock.lines).toEqual([
    `runs/vae: went on after process ${child.pid}, which ended without releasing its lock`,
  ]);
  await lock.release();
  expect(await readdir(folder)).toEqual([]);
});

test('a process that ends in order leaves no lock', async () => {
  const folder = await folderOf({});
  const { child } = await tryInProcess(join(folder, 'run.lock'));
  child.stdin!.end();
  await once(child, 'exit');
  expect(await readdir(folder)).toEqual([]);
});

test('of several processes that find the lock of a dead one at once exactly one gets it', async () => {
  const folder = await folderOf({});
  const path = join(folder, 'run.lock');
  const { child } = await tryInProcess(path);
  await kill(child);
  const tried = await Promise.all(Array.from({ length: 6 }, () => tryInProcess(path)));
  const [winner, ...others] = tried.filter(({ outcome }) => outcome.taken);
  expect(others).toEqual([]);
  expect(winner!.outcome.warned).toContain(`process ${child.pid}`);
  for (const { outcome } of tried.filter(({ outcome }) => !outcome.taken)) {
    expect(outcome.refused).toMatch(new RegExp(`process ${winner!.child.pid} on`));
  }
  expect(await readdir(folder)).toEqual(['run.lock']);
});

test('tasks of one process that race for a dead lock: one gets it', async () => {
  const folder = await folderOf({});
  const path = join(folder, 'run.lock');
  const { child } = await tryInProcess(path);
  await kill(child);
  // One who died while taking over leaves the lock of the lock, which is taken over likewise.
  await writeFile(`${path}.takeover`, await readFile(path));
  const tried = await Promise.allSettled(Array.from({ length: 8 }, () => take(path)));
  expect(tried.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const outcome of tried) if (outcome.status === 'fulfilled') await outcome.value.release();
  expect(await readdir(folder)).toEqual([]);
});

/** The lock of this process with some of its fields changed. */
async function lockWith(changes: object): Promise<string> {
  const folder = await folderOf({});
  const path = join(folder, 'run.lock');
  const lock = await take(path);
  const record = JSON.parse(await readFile(path, 'utf8')) as object;
  await lock.release();
  await writeFile(path, JSON.stringify({ ...record, ...changes }));
  return path;
}

test('a process id that another process was given since is no holder', async () => {
  const path = await lockWith({ processStarted: 'before' });
  if (process.platform === 'win32') return;
  const lock = await take(path);
  expect(lock.lines).toHaveLength(1);
  await lock.release();
});

test('a lock of another host is refused with the cure, which works', async () => {
  const path = await lockWith({ host: 'cluster-7', pid: 1 });
  await expectUserError(take(path), 'process 1 on cluster-7', `if it has ended, delete ${path}`);
  await writeFile(path, '');
  await expectUserError(take(path), 'expected a lock file', 'delete it');
});

test('a folder that cannot be written is one line', async () => {
  await expectUserError(take('/proc/run.lock'), '/proc: expected to write there');
});
