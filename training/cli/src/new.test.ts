import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from './test-command.ts';
import { version } from './version.ts';

const modules = fileURLToPath(new URL('../../../node_modules', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-new-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('new writes a project that passes its own checks and its own test', async () => {
  const project = join(folder, 'my-first');
  const { stdout, stderr } = await command('new', project);
  expect(stderr).toBe('');
  expect(stdout).toMatch(
    /^wrote .*my-first: a family, a data set and a test\nnext: cd .*my-first && npm install && npm test\n$/,
  );
  expect((await readdir(project)).toSorted()).toEqual([
    ...['.gitignore', 'README.md', 'galaxy.ts', 'generatrix.config.ts', 'model.test.mjs', 'package.json'],
    ...['straight-flow.ts', 'tsconfig.json'],
  ]);
  const manifest = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'));
  expect(manifest).toMatchObject({
    name: 'my-first',
    dependencies: { generatrix: version, '@generatrix/training': version },
  });
  expect(await readFile(join(project, 'README.md'), 'utf8')).toMatch(/^# my-first\n/);
  // The family is to stay small.
  const family = await readFile(join(project, 'straight-flow.ts'), 'utf8');
  expect(family.split('\n').length).toBeLessThanOrEqual(61);
  await symlink(modules, join(project, 'node_modules'));
  const run = promisify(execFile);
  const tested = await run(process.execPath, ['--test'], { cwd: project });
  expect(tested.stdout).toMatch(/# pass 1|ℹ pass 1/);
  const tsc = join(modules, 'typescript/bin/tsc');
  await run(process.execPath, [tsc, '-p', '.'], { cwd: project });
}, 120_000);

it.each([
  ['taken', /taken: expected nothing there, found file; give another name/],
  ['Upper', /Upper: expected a name of small letters, .* got 'Upper'/],
  ['file', /file: expected a folder to be made, it is something else/],
])('new %s is refused, and nothing is written', async (name, line) => {
  await writeFile(join(folder, 'file'), '');
  if (name === 'taken')
    await command('new', join(folder, 'taken')).then(async () => {
      for (const entry of await readdir(join(folder, 'taken'))) await rm(join(folder, 'taken', entry));
      await writeFile(join(folder, 'taken/file'), '');
    });
  const before = await readdir(folder, { recursive: true });
  const { stderr, status } = await command('new', join(folder, name));
  expect(stderr).toMatch(line);
  expect(status).toBe(1);
  expect(await readdir(folder, { recursive: true })).toEqual(before);
});
