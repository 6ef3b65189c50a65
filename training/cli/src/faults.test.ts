import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadDataset } from '@generatrix/training/data';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from './test-command.ts';

let folder: string;
let run: string;

const tiny = [
  '--data',
  'ring8',
  '--data-size',
  '60',
  '--steps',
  '2',
  '--batch-size',
  '20',
  '--device',
  'cpu',
];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-faults-'));
  run = join(folder, 'run');
  const { status, stderr } = await command('train', 'gmm', '--components', '2', ...tiny, '--out', run);
  expect(status, stderr).toBe(0);
  await writeFile(join(folder, 'file'), 'kept');
  await mkdir(join(folder, 'broken/bundle'), { recursive: true });
  await writeFile(join(folder, 'broken/run.json'), '{');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A fault, the arguments that have it (RUN, DIR and FILE stand for paths), and what the one line must say. */
type Fault = readonly [fault: string, args: string, line: RegExp];

const train = `train gmm ${tiny.join(' ')} --out DIR/new`;

const faults: readonly Fault[] = [
  ['a path that can hold nothing', `${train}`.replace('DIR/new', '/proc/x'), /^\/proc\/x: expected to write/],
  [
    'a path through a file',
    `${train}`.replace('DIR/new', 'FILE/x'),
    /a part of the path is a file \(ENOTDIR\)/,
  ],
  ['a file for a folder', `${train}`.replace('DIR/new', 'FILE'), /FILE: .*a part of the path is a file/],
  ['an export to such a path', 'export RUN --out /proc/x', /^\/proc\/x: expected to write/],
  ['an export through a file', 'export RUN --out FILE/x', /a part of the path is a file/],
  ['an evaluation through a file', 'evaluate RUN --out FILE/x', /a part of the path is a file/],
  ['a sample through a file', 'sample RUN --out FILE/x.png', /a part of the path is a file/],
  ['a sample to a missing folder', 'sample RUN --out DIR/none/x.png', /there is no such file or folder/],
  ['a sample to a folder', 'sample RUN --out DIR/folder.png', /a folder stands there/],
  ['a run that is missing', 'resume DIR/none', /no training run here/],
  ['a run that is broken', 'resume DIR/broken', /run\.json: not valid JSON/],
  [
    'a negative learning rate',
    `${train} --learning-rate -1`,
    /^--learning-rate: expected a number of at least 0, got '-1'/,
  ],
  [
    'an infinite learning rate',
    `${train} --learning-rate 1e39`,
    /--learning-rate: expected a number of at most 3.4e\+38/,
  ],
  [
    'too many threads',
    `${train} --threads 9999`,
    /--threads: expected a whole number of at most \d+, got '9999'/,
  ],
  [
    'a seed past the whole numbers',
    `${train} --seed 9007199254740992`,
    /--seed: expected a whole number of at most 9007199254740991/,
  ],
  ['a negative seed', 'sample RUN --seed -1', /--seed: expected a whole number of at least 0, got '-1'/],
  ['no steps', `${train} --steps 0`, /--steps: expected a whole number of at least 1, got '0'/],
  [
    'fewer steps than are done',
    'resume RUN --steps 1',
    /--steps 1: the run has done 2 steps already; say more than 2/,
  ],
  [
    'more components than examples',
    `${train} --components 61`,
    /--components 61: .*the data has 60; say at most 60/,
  ],
  ['no components', `${train} --components 0`, /--components: expected a number of at least 1, got 0/],
  [
    'a regularisation of nothing',
    `${train} --regularisation 0`,
    /--regularisation: expected a number of more than 0, got 0/,
  ],
  [
    'a batch beyond memory',
    `${train} --batch-size 1000000000000`,
    /--batch-size 1000000000000: .* of memory.* at most \d+/,
  ],
  [
    'drawn data beyond memory',
    `${train} --data-size 1000000000000`,
    /--data-size 1000000000000: .* of memory.* at most \d+/,
  ],
  [
    'drawn images beyond memory',
    `train vae --data glyphs --data-size 1000000000 --out DIR/new`,
    /--data-size 1000000000: .* of memory/,
  ],
  [
    'more samples than a plot shows',
    'sample RUN --count 1000000000000',
    /--count 1000000000000: .*at most \d+.*\.npy/,
  ],
  [
    'more samples than the disk holds',
    'sample RUN --count 1000000000000000 --out DIR/x.npy',
    /the disk is full, .* are free and .*x\.npy takes 8 PB/,
  ],
  [
    'more shards than blocks',
    'draw-many RUN --count 100 --seed 1 --shards 2 --out DIR/many',
    /^--shards 2: 100 samples are 1 blocks of 65536, which stay whole; say at most 1/,
  ],
  ['a shard past the last', 'draw-many RUN --count 9 --seed 1 --shard 1 --out DIR/many', /say at most 0/],
  ['more samples than indices', 'draw-many RUN --count 9e9 --seed 1 --out DIR/many', /^--count/],
  ['shards through a file', 'draw-many RUN --count 9 --seed 1 --out FILE/x', /a part of the path is a file/],
  [
    'shards that are not there',
    'draw-many RUN --count 9 --seed 1 --out DIR/many --verify',
    /shard 0 of 1: it was not drawn/,
  ],
  ['a port beyond ports', 'start --port 65536', /--port: expected a whole number of at most 65535/],
  [
    'samples of a bound beyond sense',
    'score RUN --samples 1000000000',
    /--samples: expected a whole number of at most/,
  ],
];

it.each(faults)(
  '%s is one line: %s',
  async (_, args, line) => {
    await mkdir(join(folder, 'folder.png'), { recursive: true });
    const before = await readdir(folder);
    const paths = { RUN: run, DIR: folder, FILE: join(folder, 'file') };
    const given = args.replace(/RUN|DIR|FILE/g, (name) => paths[name as keyof typeof paths]);
    const { status, stderr } = await command(...given.split(' '));
    // What was loaded may be said first.
    const lines = stderr.trim().split('\n');
    const text = lines.pop()!;
    expect(lines.filter((line) => !line.startsWith('data: '))).toEqual([]);
    expect(text).toMatch(/^generatrix: /);
    expect(text.replace('generatrix: ', '').replaceAll(paths.FILE, 'FILE')).toMatch(line);
    expect(status).toBe(1);
    // Nothing half-done is left, and nothing is lost.
    expect((await readdir(folder)).sort()).toEqual(before.sort());
    expect(await readFile(paths.FILE, 'utf8')).toBe('kept');
  },
  20_000,
);

it('a mixture of one component is the Gaussian of the mean and covariance of the data', async () => {
  const out = join(folder, 'one');
  const flags = ['--components', '1', '--covariance', 'full', ...tiny, '--steps', '3', '--out', out];
  const { status, stderr } = await command('train', 'gmm', ...flags);
  expect(status, stderr).toBe(0);
  const dataset = await loadDataset({ name: 'ring8', split: 'train', seed: 1, size: 60 });
  const data = Array.from(
    (await dataset.gather(Array.from({ length: 60 }, (_, i) => i))).data as Float32Array,
  );
  const mean = [0, 1].map((axis) => data.reduce((sum, x, i) => sum + (i % 2 === axis ? x / 60 : 0), 0));
  const moment = (a: number, b: number) =>
    Array.from(
      { length: 60 },
      (_, i) => (data[2 * i + a]! - mean[a]!) * (data[2 * i + b]! - mean[b]!),
    ).reduce((sum, x) => sum + x / 60, 0);
  const determinant = moment(0, 0) * moment(1, 1) - moment(0, 1) ** 2;
  const expected = -Math.log(2 * Math.PI * Math.E) - Math.log(determinant) / 2;
  const scored = await command('score', out, '--split', 'train');
  expect(Number(/log-likelihood: (-?[\d.]+) nats/.exec(scored.stdout)?.[1])).toBeCloseTo(expected, 2);
  expect((await command('sample', out, '--count', '3', '--out', join(folder, 'one.npy'))).status).toBe(0);
});

it('shards that are drawn apart, in any order, are those that are drawn together', async () => {
  const many = (...flags: string[]) =>
    command(
      'draw-many',
      run,
      '--count',
      '65600',
      '--seed',
      '7',
      '--shards',
      '2',
      '--format',
      'npy',
      ...flags,
    );
  const [together, apart] = [join(folder, 'together'), join(folder, 'apart')];
  const whole = await many('--out', together);
  expect([whole.status, whole.stderr]).toEqual([0, '']);
  expect((await many('--out', apart, '--shard', '1')).stdout).toContain('other shards are missing');
  const last = await many('--out', apart, '--shard', '0');
  const hash = / SHA-256 of the samples [0-9a-f]{64}$/m;
  expect(hash.exec(last.stdout)?.[0]).toBe(hash.exec(whole.stdout)?.[0]);
  for (const file of await readdir(together)) {
    expect([file, (await readFile(join(apart, file))).equals(await readFile(join(together, file)))]).toEqual([
      file,
      true,
    ]);
  }
  const verified = await many('--out', apart, '--verify');
  expect(verified.stdout).toContain(
    `${apart}: 65600 samples in 2 shards, verified; ${hash.exec(whole.stdout)?.[0].trim()}`,
  );
  const sampled = join(folder, 'sampled.npy');
  await command('sample', run, '--count', '100', '--seed', '7', '--out', sampled);
  const values = async (path: string) => (await readFile(path)).subarray(128, 128 + 64 * 8);
  expect((await values(join(apart, 'shard-00000-of-00002.npy'))).equals(await values(sampled))).toBe(true);
});

it('a run whose steps are done says so, and is left as it is', async () => {
  const report = await readFile(join(run, 'report.html'));
  const { status, stdout } = await command('resume', run);
  expect(status).toBe(0);
  expect(stdout).toContain(`${run}: all 2 steps are done`);
  expect(stdout).not.toContain('wrote');
  expect((await readFile(join(run, 'report.html'))).equals(report)).toBe(true);
  // Killed before its report was written, the run has something left to do.
  await rm(join(run, 'report.html'));
  expect((await command('resume', run)).status).toBe(0);
  const text = String(await readFile(join(run, 'report.html')));
  expect(text.match(/likelihood[^<]*after the last step[^<]*/i)?.[0]).toBe(
    String(report).match(/likelihood[^<]*after the last step[^<]*/i)?.[0],
  );
});

it('a run that diverged goes on from its last good checkpoint by the command that the error names', async () => {
  const out = join(folder, 'diverged');
  const trained = await command(
    ...['train', 'vae', '--data', 'digits8', '--data-size', '40', '--latent', '2', '--hidden', '4'],
    ...['--steps', '3', '--batch-size', '10', '--device', 'cpu', '--checkpoint-every', '3', '--out', out],
  );
  expect(trained.status, trained.stderr).toBe(0);
  const diverged = await command('resume', out, '--steps', '6', '--learning-rate', '1e30');
  expect(diverged.status).toBe(1);
  const line = diverged.stderr.trim().split('\n').at(-1)!;
  expect(line).toMatch(
    /^generatrix: training diverged at step [45]: .*the last good checkpoint is of step 3/,
  );
  const [, cure] = / generatrix (resume \S+ --learning-rate) 1e\+29, or train anew with --overwrite$/.exec(
    line,
  )!;
  const resumed = await command(...cure!.split(' '), '1e-3');
  expect(resumed.status, resumed.stderr).toBe(0);
  expect(await readdir(join(out, 'checkpoints'))).toContain('step-0000006.safetensors');
});

it("a run that diverged before its first checkpoint is in nobody's way", async () => {
  const out = join(folder, 'diverged-early');
  const { status, stderr } = await command(
    ...['train', 'vae', '--data', 'digits8', '--data-size', '40', '--latent', '2', '--hidden', '4'],
    ...['--steps', '9', '--batch-size', '10', '--device', 'cpu', '--learning-rate', '1e30', '--out', out],
    ...['--checkpoint-every', '9', '--report-every', '9', '--evaluate-every', '9'],
  );
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /there is no checkpoint yet; train anew with a smaller one: --learning-rate 1e\+29 --overwrite$/m,
  );
  expect(await readdir(folder)).not.toContain('diverged-early');
});

it('a folder that may not be written is one line', async (context) => {
  context.skip(process.getuid?.() === 0, 'the administrator may write everywhere');
  const locked = join(folder, 'locked');
  await mkdir(locked);
  await chmod(locked, 0o500);
  const { stderr } = await command('train', 'gmm', ...tiny, '--out', join(locked, 'run'));
  expect(stderr).toMatch(/^generatrix: .*permission denied \(EACCES\)/);
});
