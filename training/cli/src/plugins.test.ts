import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSampler } from '@generatrix/runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from './test-command.ts';

const example = fileURLToPath(new URL('../template/', import.meta.url));
const working = process.cwd();
let folder: string;
let flow: string;
let galaxy: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-plugins-'));
  process.chdir(folder);
  [flow, galaxy] = (await Promise.all(
    ['straight-flow.ts', 'galaxy.ts'].map((file) => readFile(join(example, file), 'utf8')),
  )) as [string, string];
  await writeFile('straight-flow.ts', flow);
  await writeFile('galaxy.ts', galaxy);
});
afterAll(async () => {
  process.chdir(working);
  await rm(folder, { recursive: true, force: true });
});

const short = [
  ...['--data-size', '64', '--steps', '2', '--batch-size', '16', '--hidden', '4', '--jumps', '3'],
  ...['--device', 'cpu'],
];

/** What the command printed. @throws when it failed */
async function done(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await command(...args);
  expect(status, stderr).toBe(0);
  return stdout;
}

async function refused(args: string[], ...texts: (string | RegExp)[]): Promise<void> {
  const { status, stderr } = await command(...args);
  expect(status, stderr).toBe(1);
  // What was loaded may be said before.
  expect(
    stderr
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('data: ')),
  ).toHaveLength(1);
  for (const text of texts) expect(stderr).toMatch(text);
}

it('a family and a data set of modules have their flags, their run, their bundle and their evaluation', async () => {
  const { stdout: help } = await command('train', './straight-flow.ts', '--data', './galaxy.ts', '--help');
  expect(help).toMatch(/--jumps <value>\s+Euler steps from noise to a sample \(default 20\)/);
  expect(help).toMatch(/--arms <value>\s+arms of the spiral \(default 2\)/);
  await done(
    'train',
    './straight-flow.ts',
    '--data',
    './galaxy.ts',
    '--arms',
    '3',
    ...short,
    '--out',
    'runs/a',
  );
  const { settings } = JSON.parse(await readFile('runs/a/run.json', 'utf8'));
  expect(settings).toMatchObject({
    family: 'straight-flow',
    plugin: { path: '../../straight-flow.ts' },
    options: { hidden: [4], jumps: 3 },
    data: { name: 'galaxy', plugin: '../../galaxy.ts', size: 64, options: { arms: 3 } },
  });
  // The project moves, with its runs; the bundle needs neither module.
  await mkdir('elsewhere');
  for (const name of ['runs', 'straight-flow.ts', 'galaxy.ts']) await rename(name, join('elsewhere', name));
  const bundle = await loadSampler('elsewhere/runs/a/bundle', { device: 'cpu' });
  expect(bundle.manifest).toMatchObject({
    name: 'straight-flow-galaxy',
    family: 'straight-flow',
    description: { title: 'Rectified flow', sources: ['Liu, Gong and Liu 2022'] },
    data: { name: 'galaxy', classNames: ['arm 0', 'arm 1', 'arm 2'] },
  });
  expect((await bundle.sample({ count: 5, seed: 1 })).data.shape).toEqual([5, 2]);
  await bundle.release();
  await done('resume', 'elsewhere/runs/a', '--steps', '3');
  await done('export', 'elsewhere/runs/a', '--out', 'exported');
  const judged = ['--metrics', 'convergence', '--count', '20', '--out', 'judged'];
  expect(await done('evaluate', 'elsewhere/runs/a', ...judged)).toContain(
    'straight-flow-galaxy against galaxy',
  );
  for (const name of ['runs', 'straight-flow.ts', 'galaxy.ts']) await rename(join('elsewhere', name), name);
});

it('a module that is gone or has changed is said in one line, and taken when it is named', async () => {
  await writeFile('straight-flow.ts', flow.replace("title: 'Rectified flow'", "title: 'Straight flow'"));
  for (const args of [
    ['resume', 'runs/a', '--steps', '4'],
    ['export', 'runs/a', '--out', 'changed'],
  ])
    await refused(
      args,
      /straight-flow\.ts: the module of family 'straight-flow' has changed/,
      /--plugin straight-flow/,
    );
  await rename('straight-flow.ts', 'other.ts');
  await refused(
    ['resume', 'runs/a', '--steps', '4'],
    /straight-flow\.ts: expected the module .* found none; .*--plugin FILE/,
  );
  await refused(['resume', 'runs/a', '--plugin', 'galaxy.ts'], /galaxy\.ts: expected a family/);
  await done('resume', 'runs/a', '--steps', '4', '--plugin', 'other.ts');
  await done('export', 'runs/a', '--out', 'changed');
  const manifest = JSON.parse(await readFile('changed/model.json', 'utf8'));
  expect(manifest.description.title).toBe('Straight flow');
  await writeFile('straight-flow.ts', flow);
});

it('other data than the run began with, by a changed module, is refused', async () => {
  await writeFile('galaxy.ts', galaxy.replace('2 * along', '3 * along'));
  await refused(['resume', 'runs/a', '--steps', '5'], /expected the data that the run began with/);
  await writeFile('galaxy.ts', galaxy);
});

it('generatrix.config.ts names families, data sets and defaults', async () => {
  await mkdir('project/src', { recursive: true });
  await cp('straight-flow.ts', 'project/src/straight-flow.ts');
  await cp('galaxy.ts', 'project/src/galaxy.ts');
  const config = (text: string) =>
    writeFile(
      join(folder, 'project/generatrix.config.ts'),
      `import { defineConfig } from '@generatrix/training';\nexport default defineConfig(${text});\n`,
    );
  await config(`{
    families: ['./src/straight-flow.ts'],
    datasets: ['./src/galaxy.ts'],
    defaults: { data: { name: 'galaxy', options: { arms: 5 }, size: 40 }, steps: 2, batchSize: 8, seed: 9 },
  }`);
  process.chdir('project/src');
  try {
    const listed = await done('list');
    expect(listed).toContain('straight-flow');
    expect(listed).toContain('points on the arms of a spiral galaxy');
    await done(
      'train',
      'straight-flow',
      '--hidden',
      '4',
      '--jumps',
      '2',
      '--seed',
      '8',
      '--device',
      'cpu',
      '--out',
      'run',
    );
    const { settings, data } = JSON.parse(await readFile('run/run.json', 'utf8'));
    expect(settings).toMatchObject({
      steps: 2,
      batchSize: 8,
      seed: 8,
      plugin: { path: '../straight-flow.ts' },
    });
    expect(data.classNames).toHaveLength(5);
    await config(`{ familys: ['x.ts'] }`);
    await refused(['list'], /generatrix\.config\.ts: .*familys/);
    await config(`{ families: ['./src/straight-flow.ts', '../straight-flow.ts'] }`);
    await refused(['list'], /family 'straight-flow': both .* and .* define it; rename one/);
    await config(`{ families: ['./none.ts'] }`);
    await refused(['list'], /none\.ts: expected a module there, found none/);
  } finally {
    process.chdir(folder);
  }
});

it('check says of each thing that families hold to whether this one does', async () => {
  const checked = (file: string) =>
    command(
      'check',
      file,
      '--hidden',
      '4',
      '--jumps',
      '2',
      '--data',
      './galaxy.ts',
      '--data-size',
      '40',
      '--steps',
      '40',
    );
  const good = await checked('./straight-flow.ts');
  expect(good.stdout).toMatch(/^ok {5}galaxy: program sample is the same compiled and eager/m);
  expect(good.stdout).toMatch(/straight-flow: all 5 checks hold\n$/);
  expect(good.status).toBe(0);
  await writeFile('bad.ts', flow.replace('outputs: { data: { dtype', 'outputs: { points: { dtype'));
  const bad = await checked('./bad.ts');
  expect(bad.stdout).toMatch(/^FAILED galaxy: .*points/m);
  expect(bad.status).toBe(1);
});

const brokenFamilies: [string, () => string, RegExp][] = [
  ['throws as it loads', () => `throw new Error('no luck');`, /bad\.ts:1:\d+: it does not load: no luck/],
  ['does not parse', () => 'export default {', /bad\.ts.*: it does not load:/],
  [
    'exports nothing',
    () => 'export const x = 1;',
    /bad\.ts: expected a default export, found none; add: export default/,
  ],
  [
    'exports no family',
    () => 'export default { name: 5 };',
    /bad\.ts: expected a family.*name: expected a text, got 5/,
  ],
  [
    'has a name of the package',
    () => flow.replace("name: 'straight-flow'", "name: 'vae'"),
    /bad\.ts: family 'vae': there is one of that name already/,
  ],
  [
    'has an option that is a flag',
    () => flow.replaceAll('jumps', 'steps'),
    /option 'steps' would be --steps.*give it another name/,
  ],
  [
    'fails to build',
    () => flow.replace('const shape = [...spec.shape];', 'const shape = [...spec.form.shape];'),
    /bad\.ts:\d+:\d+: build of family 'straight-flow' failed: .*shape/,
  ],
  [
    'builds no model',
    () => flow.replace('return gradientModel(', 'return void gradientModel('),
    /build of family 'straight-flow' failed: expected a model/,
  ],
  [
    'fails in its loss',
    () => flow.replace('noise.t!]', 'noise.u!]'),
    /bad\.ts:\d+:\d+: the step of family 'straight-flow' failed/,
  ],
  [
    'draws from a distribution that there is not',
    () =>
      flow.replace("{ distribution: 'normal', shape: [width] }", "{ distribution: 'gauss', shape: [width] }"),
    /bad\.ts.*noise 'z': expected the distribution normal or uniform, got 'gauss'/,
  ],
  [
    'has a loss function without a loss',
    () => flow.replace('return { loss: tf.mean(', 'return { lost: tf.mean('),
    /bad\.ts.*: a loss function returns \{ loss \}, a scalar tensor; got none/,
  ],
];
it.each(brokenFamilies)('a family that %s is refused in one line', async (_, source, line) => {
  await writeFile('bad.ts', source());
  await refused(
    [
      'train',
      './bad.ts',
      '--data',
      './galaxy.ts',
      ...short.filter((text) => !/jumps|^3$/.test(text)),
      '--out',
      'bad',
    ],
    line,
  );
});

const brokenData: [string, (text: string) => string, RegExp][] = [
  [
    'has too few labels',
    (text) => text.replace('labels, classNames }', 'labels: labels.slice(0, 3), classNames }'),
    /galaxy2\.ts:.* expected 64 labels, one an example, got 3/,
  ],
  [
    'throws',
    (text) => text.replace('const values', "JSON.parse('no'); const values"),
    /galaxy2\.ts:\d+:\d+: the train part does not load: .*JSON/,
  ],
  [
    'has values that are not finite',
    (text) => text.replace('const classNames', 'values[7] = NaN; const classNames'),
    /expected finite values, example 3 has NaN/,
  ],
  [
    'exports no data set',
    (text) => text.replace('load({', 'read({'),
    /galaxy2\.ts: expected a data set.*load/,
  ],
];
it.each(brokenData)('a data set that %s is refused in one line', async (_, change, line) => {
  await writeFile('galaxy2.ts', change(galaxy));
  await refused(['train', 'gmm', '--data', './galaxy2.ts', '--data-size', '64', '--out', 'bad'], line);
});

it('a program that returns another output than it declares is named where it first runs', async () => {
  await writeFile('outputs.ts', flow.replace('return { data: tf.reshape', 'return { datum: tf.reshape'));
  const { status, stderr } = await command('train', './outputs.ts', '--data', './galaxy.ts', ...short);
  expect(status).toBe(1);
  expect(stderr.trim().split('\n').at(-1)).toMatch(
    /outputs\.ts.*program 'sample'.*: expected a tensor for each output that its signature declares \(data\), got datum$/,
  );
});
