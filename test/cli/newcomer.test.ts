import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodePng } from '@generatrix/runtime/media';
import { command } from 'generatrix/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from './run-command.ts';

let folder: string;
let run: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-cli-'));
  run = join(folder, 'run');
  const { status, stderr } = await command(
    ...['train', 'gmm', '--data', 'rings', '--data-size', '400', '--components', '8', '--covariance', 'full'],
    ...['--steps', '20', '--batch-size', '200', '--out', run, '--device', 'cpu'],
  );
  expect(status, stderr).toBe(0);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const hash = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

describe('generatrix', () => {
  it('draws the same samples for the same seed, and others for another', async () => {
    const files = ['a', 'b', 'c'].map((name) => join(folder, `${name}.npy`));
    for (const [i, seed] of ['42', '42', '43'].entries()) {
      const { status, stdout } = await command(
        'sample',
        run,
        '--count',
        '70',
        '--seed',
        seed,
        '--out',
        files[i]!,
      );
      expect(status).toBe(0);
      expect(stdout).toContain(`70 samples, seed ${seed}, on cpu`);
    }
    const [a, b, c] = await Promise.all(files.map(hash));
    expect(a).toBe(b);
    expect(c).not.toBe(a);
  });

  it('writes a picture of points', async () => {
    const out = join(folder, 'points.png');
    expect((await command('sample', run, '--count', '300', '--seed', '1', '--out', out)).status).toBe(0);
    const { width, height } = await decodePng(await readFile(out));
    expect(Math.min(width, height)).toBeGreaterThan(100);
  });

  it('samples a chosen component, and says so when a label makes no sense', async () => {
    const out = join(folder, 'component.npy');
    const chosen = await command(
      'sample',
      run,
      '--program',
      'sampleComponent',
      '--label',
      '3',
      '--seed',
      '1',
      '--out',
      out,
    );
    expect(chosen.status, chosen.stderr).toBe(0);
    const wrong = await command('sample', run, '--program', 'sampleComponent', '--label', '8', '--out', out);
    expect(wrong.status).toBe(1);
    expect(wrong.stderr).toMatch(/^generatrix: .*label.*8/);
  });

  it('scores held-out data exactly, with information criteria', async () => {
    const { status, stdout } = await command('score', run, '--data-size', '200');
    expect(status).toBe(0);
    expect(stdout).toMatch(/ring8|rings, test split, 200 examples, on cpu/);
    expect(stdout).toMatch(/^log-likelihood: \d\.\d{3} nats \(standard error 0\.\d{3}\)$/m);
    expect(stdout).toMatch(/^BIC: -?[\d.]+, AIC: -?[\d.]+ \(47 free parameters\)$/m);
  });

  it('exports both formats and finds them equal', async () => {
    const out = join(folder, 'exported');
    const written = await command('export', run, '--format', 'onnx,graph-model', '--out', out);
    expect(written.status, written.stderr).toBe(0);
    const checked = await command('parity', out, '--devices', 'tfjs,cpu');
    expect(checked.status, checked.stderr).toBe(0);
    expect(checked.stdout).not.toContain('not run');
  });

  it('parity fails with status 1 when a program gives other numbers', async () => {
    const out = join(folder, 'tampered');
    await cp(join(run, 'bundle'), out, { recursive: true });
    const manifest = JSON.parse(await readFile(join(out, 'model.json'), 'utf8')) as {
      programs: Record<string, { file: string; bytes: number; sha256: string }>;
    };
    const other = await command(
      ...[
        'train',
        'gmm',
        '--data',
        'rings',
        '--data-size',
        '400',
        '--components',
        '8',
        '--covariance',
        'full',
      ],
      ...[
        '--steps',
        '2',
        '--batch-size',
        '200',
        '--seed',
        '9',
        '--out',
        join(folder, 'other'),
        '--device',
        'cpu',
      ],
    );
    expect(other.status).toBe(0);
    const bytes = await readFile(join(folder, 'other', 'bundle', 'sample.onnx'));
    await writeFile(join(out, 'sample.onnx'), bytes);
    Object.assign(manifest.programs.sample!, {
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    await writeFile(join(out, 'model.json'), JSON.stringify(manifest));
    const { status, stdout, stderr } = await command('parity', out, '--devices', 'cpu');
    expect(status).toBe(1);
    expect(stdout).toContain('FAILED');
    expect(stderr).toMatch(/^generatrix: .*differs by more than the tolerance/);
  });

  it('takes published settings from a preset, and flags before it', async () => {
    const out = join(folder, 'preset');
    const { status, stderr } = await command(
      ...[
        'train',
        'realnvp',
        '--preset',
        'moons',
        '--steps',
        '2',
        '--hidden',
        '8',
        '--data-size',
        '600',
        '--out',
        out,
      ],
    );
    expect(status, stderr).toBe(0);
    const { settings } = JSON.parse(await readFile(join(out, 'run.json'), 'utf8')) as {
      settings: {
        data: object;
        steps: number;
        batchSize: number;
        schedule: string;
        options: { hidden: number[] };
      };
    };
    expect(settings.data).toEqual({ name: 'moons', size: 600, splitRule: 'hash' });
    expect([settings.steps, settings.batchSize, settings.schedule]).toEqual([2, 512, 'cosine']);
    expect(settings.options.hidden).toEqual([8]);
  });

  it('lists families, data sets and devices with the reasons for what is missing', async () => {
    const { status, stdout } = await runCommand('list');
    expect(status).toBe(0);
    for (const text of ['vae', 'gmm', 'glyphs', 'ring8', 'mnist', 'cpu', 'cuda', 'webgpu'])
      expect(stdout).toContain(text);
  });

  const wrong: [string, () => string[], RegExp][] = [
    ['an unknown command', () => ['trian'], /unknown command 'trian'/],
    ['an unknown family', () => ['train', 'gan2'], /unknown command 'gan2'/],
    [
      'an unknown flag',
      () => ['train', 'vae', '--latnet', '3'],
      /unknown option '--latnet'.*\n.*Did you mean --latent/,
    ],
    [
      'an unknown data set',
      () => ['train', 'vae', '--data', 'mnst', '--out', join(folder, 'x')],
      /mnst.*mnist/,
    ],
    [
      'a data set without its folder',
      () => ['train', 'vae', '--data', 'mnist', '--out', join(folder, 'x')],
      /--data-dir/,
    ],
    [
      'a missing folder',
      () => ['train', 'vae', '--data', 'mnist', '--data-dir', '/nowhere', '--out', join(folder, 'x')],
      /\/nowhere/,
    ],
    [
      'a number that is none',
      () => ['train', 'vae', '--steps', 'many', '--out', join(folder, 'x')],
      /--steps: expected a whole number of at least 1, got 'many'/,
    ],
    [
      'an option out of range',
      () => ['train', 'vae', '--latent', '0', '--out', join(folder, 'x')],
      /^generatrix: vae: --latent: expected a number of at least 1, got 0$/m,
    ],
    ['a choice that is none', () => ['train', 'gmm', '--covariance', 'round'], /--covariance.*round.*full/],
    [
      'a run that exists',
      () => ['train', 'gmm', '--data', 'rings', '--out', run],
      /already holds a run; go on with it by: generatrix resume/,
    ],
    ['resuming nothing', () => ['resume', folder], /no training run here/],
    ['sampling nothing', () => ['sample', join(folder, 'nothing')], /nothing/],
    [
      'sampling no samples',
      () => ['sample', run, '--count', '0'],
      /--count: expected a whole number of at least 1, got '0'/,
    ],
    [
      'a temperature that the model does not take',
      () => ['sample', run, '--temperature', '0.5', '--out', join(folder, 'x.npy')],
      /temperature/,
    ],
    [
      'a picture of the wrong kind',
      () => ['sample', run, '--out', join(folder, 'x.wav')],
      /samples of points are written as \.png or \.npy/,
    ],
    [
      'a device that is not there',
      () => ['sample', run, '--device', 'cuda', '--out', join(folder, 'x.npy')],
      /cuda/,
    ],
    [
      'data of another shape',
      () => ['score', run, '--data', 'digits8'],
      /the model takes points of shape 2, this data has 8x8x1/,
    ],
    [
      'an unknown format',
      () => ['export', run, '--format', 'keras', '--out', join(folder, 'y')],
      /--format: expected shared, onnx, graph-model separated .*, got 'keras'/,
    ],
    [
      'an unknown runtime',
      () => ['parity', run, '--devices', 'tpu'],
      /--devices: there are tfjs, .*got 'tpu'/,
    ],
  ];
  const expectRefusal = ({ status, stderr }: Awaited<ReturnType<typeof command>>, message: RegExp) => {
    expect(status).not.toBe(0);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(3);
  };
  it.each(wrong)('%s is one clear line and a non-zero status', async (_, args, message) => {
    expectRefusal(await command(...args()), message);
  });

  it.each(wrong.slice(0, 2))('%s is so as a process of its own', async (_, args, message) => {
    const outcome = await runCommand(...args());
    expectRefusal({ ...outcome, status: outcome.status ?? 0 }, message);
  });

  it('refuses a damaged bundle by the name of the file', async () => {
    const damaged = join(folder, 'damaged');
    await mkdir(damaged);
    await cp(join(run, 'bundle'), damaged, { recursive: true });
    const program = join(damaged, 'sample.onnx');
    const bytes = await readFile(program);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(program, bytes);
    const changed = await command('sample', damaged, '--out', join(folder, 'z.npy'));
    expect(changed.status).toBe(1);
    expect(changed.stderr).toMatch(/^generatrix: .*sample\.onnx/);
    await writeFile(join(damaged, 'model.json'), '{ "format": ');
    const unreadable = await command('sample', damaged, '--out', join(folder, 'z.npy'));
    expect(unreadable.status).toBe(1);
    expect(unreadable.stderr).toMatch(/^generatrix: .*model\.json/);
  });
});
